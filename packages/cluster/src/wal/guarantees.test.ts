/** Promises of docs/guarantees.md that are the log's: how groups form, and what stands in each segment. */
import { MessageChannel } from "node:worker_threads";
import { type HardState, toIndex, toNodeId, toTerm } from "@strongroom/raft";
import { describe, expect, it } from "vitest";
import { HostedWal, type WalExecutorEvents } from "./hosted-wal.ts";
import { openInlineWal } from "./inline-wal.ts";
import { MemoryWalDisk } from "./memory-wal-disk.ts";
import { createWal, recoverWal } from "./recovery.ts";
import type { WalGroup } from "./types.ts";
import { runWalThread } from "./wal-thread.ts";
import type { WalBatch } from "./writer.ts";

const identity = { nodeId: toNodeId(7), clusterId: new Uint8Array(16) };

function hardState(commit: number): HardState {
  return { term: toTerm(3), vote: toNodeId(5), commit: toIndex(commit) };
}

function group(token: number): WalGroup {
  const entry = { index: toIndex(token), term: toTerm(3), type: "EntryNormal", data: new Uint8Array(30) } as const;
  return { token, entries: [entry], hardState: hardState(token - 1) };
}

describe("the log", () => {
  it("has two groups under way at most, and one sync for all that came meanwhile", () => {
    const batches: WalBatch[] = [];
    const synced: number[] = [];
    let executor: WalExecutorEvents | undefined;
    const wal = new HostedWal(
      createWal(new MemoryWalDisk(), identity, { segmentBytes: 4096 }),
      { segmentBytes: 4096, schedule: (turn) => turn() },
      {
        events: {
          onSynced: (token) => synced.push(token),
          onFatal: (error) => {
            throw error;
          },
        },
        startExecutor: (events) => {
          executor = events;
          return { execute: (batch) => batches.push(batch), close: async () => {} };
        },
      },
    );
    const syncs = (at: number) => batches[at]?.operations.filter(({ type }) => type === "sync").length;
    for (let token = 1; token <= 9; token++) wal.append(group(token));
    expect(batches).toHaveLength(2);
    executor?.onDone();
    expect(synced).toEqual([1]);
    expect(batches).toHaveLength(3);
    expect([syncs(0), syncs(1), syncs(2)]).toEqual([1, 1, 1]);
    executor?.onDone();
    executor?.onDone();
    expect(synced).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  it("keeps term and vote when all the segments that they were written to are cut away", () => {
    const disk = new MemoryWalDisk();
    const options = { segmentBytes: 1024, schedule: (turn: () => void) => turn() };
    const events = {
      onSynced: () => {},
      onFatal: (error: Error) => {
        throw error;
      },
    };
    const wal = openInlineWal(createWal(disk, identity, options), options, { disk, events });
    const voted: HardState = { term: toTerm(4), vote: toNodeId(9), commit: toIndex(1) };
    wal.append(group(1));
    wal.append({ token: 2, entries: [], hardState: voted });
    for (let token = 3; token <= 80; token++) {
      const entry = {
        index: toIndex(token - 1),
        term: toTerm(4),
        type: "EntryNormal",
        data: new Uint8Array(30),
      } as const;
      wal.append({ token, entries: [entry] });
    }
    const before = disk.list();
    wal.cut(toIndex(70));
    expect(before.filter((name) => !disk.list().includes(name)).length).toBeGreaterThan(1);
    const recovery = recoverWal(disk);
    expect(recovery.status === "ok" && recovery.hardState).toEqual(voted);
  });

  it("does nothing more on its thread after a failure, though more was asked for already", async () => {
    class FailingDisk extends MemoryWalDisk {
      writes = 0;
      override write(name: string, offset: number, bytes: Uint8Array): void {
        this.writes++;
        if (this.writes === 1) throw new Error("EIO: i/o error, write");
        super.write(name, offset, bytes);
      }
    }
    const disk = new FailingDisk();
    const { port1, port2 } = new MessageChannel();
    runWalThread(port2, disk);
    const write = { type: "write", name: "1.wal", offset: 0, bytes: new Uint8Array(8) } as const;
    const replies: unknown[] = [];
    const closed = new Promise<void>((resolve) => {
      port1.on("message", (reply: { readonly type: string }) => {
        replies.push(reply.type);
        if (reply.type === "closed") resolve();
      });
    });
    for (let i = 0; i < 2; i++) port1.postMessage({ type: "batch", operations: [write], afterwards: [] });
    port1.postMessage({ type: "close" });
    await closed;
    expect(replies).toEqual(["failed", "closed"]);
    expect(disk.writes).toBe(1);
  });
});
