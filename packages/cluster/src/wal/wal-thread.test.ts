import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MessageChannel, Worker } from "node:worker_threads";
import { toIndex, toNodeId, toTerm } from "@strongroom/raft";
import { utf8 } from "@strongroom/runtime";
import { nodeTimers } from "@strongroom/runtime/node";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { MemoryWalDisk } from "./memory-wal-disk.ts";
import { NodeWalDisk } from "./node-wal-disk.ts";
import { createWal, recoverWal } from "./recovery.ts";
import type { WalContents, WalHandle } from "./types.ts";
import type { WalDisk } from "./wal-disk.ts";
import { openThreadWal, runWalThread } from "./wal-thread.ts";

const identity = { nodeId: toNodeId(1), clusterId: utf8("a cluster") };
const options = { segmentBytes: 4096, schedule: (turn: () => void) => turn() };

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "strongroom-wal-"));
});

afterEach(() => {
  rmSync(directory, { recursive: true });
});

/** Both sides in one thread, with a real channel between them. Resolves with the tokens, rejects with the fatal error. */
function appendAll(disk: WalDisk, contents: WalContents, count: number): Promise<number[]> {
  const { port1, port2 } = new MessageChannel();
  runWalThread(port2, disk);
  return new Promise((resolve, reject) => {
    const synced: number[] = [];
    let fatal: Error | undefined;
    const wal = openThreadWal(contents, options, {
      port: port1,
      events: {
        onSynced: (token) => synced.push(token),
        onFatal: (error) => {
          fatal = error;
        },
      },
    });
    for (let token = 1; token <= count; token++) {
      const entry = {
        index: toIndex(token),
        term: toTerm(1),
        type: "EntryNormal" as const,
        data: utf8(`entry ${token}`),
      };
      wal.append({ token, entries: [entry], hardState: { term: toTerm(1), vote: toNodeId(1), commit: toIndex(0) } });
    }
    wal.close().then(() => (fatal === undefined ? resolve(synced) : reject(fatal)), reject);
  });
}

describe("a log on a thread of its own", () => {
  it("keeps in files what it was given, readable by their owner alone", async () => {
    const path = join(directory, "wal");
    const synced = await appendAll(new NodeWalDisk(path), createWal(new NodeWalDisk(path), identity, options), 200);
    expect(synced).toEqual(Array.from({ length: 200 }, (_, i) => i + 1));

    const disk = new NodeWalDisk(path);
    const recovery = recoverWal(disk);
    expect(recovery).toMatchObject({ status: "ok", identity, tornBytes: 0 });
    expect(recovery.status === "ok" && recovery.entries.map((entry) => entry.index)).toEqual(synced);
    disk.close();
    expect(statSync(path).mode & 0o777).toBe(0o700);
    for (const name of disk.list()) expect(statSync(join(path, name)).mode & 0o777).toBe(0o600);
  });

  it("serves a thread that sleeps on its counter, awake or long asleep, and ends with it", async () => {
    const path = join(directory, "wal");
    const contents = createWal(new NodeWalDisk(path), identity, options);
    const { port1, port2 } = new MessageChannel();
    const source = `
      import { workerData } from "node:worker_threads";
      const { NodeWalDisk } = await import(${JSON.stringify(new URL("./node-wal-disk.ts", import.meta.url).href)});
      const { runWalThread } = await import(${JSON.stringify(new URL("./wal-thread.ts", import.meta.url).href)});
      runWalThread(workerData.port, new NodeWalDisk(workerData.path), { idleMs: 20 });`;
    const url = new URL(`data:text/javascript,${encodeURIComponent(source)}`);
    const execArgv = ["--conditions=source"];
    const thread = new Worker(url, { workerData: { port: port2, path }, transferList: [port2], execArgv });
    const ended = new Promise((resolve) => thread.on("exit", resolve));
    let onSynced: (token: number) => void = () => {};
    const events = {
      onSynced: (token: number) => onSynced(token),
      onFatal: (error: Error) => expect.fail(error.message),
    };
    const wal = openThreadWal(contents, options, { port: port1, events });
    for (let token = 1; token <= 60; token++) {
      const synced = new Promise<number>((resolve) => (onSynced = resolve));
      const entry = { index: toIndex(token), term: toTerm(1), type: "EntryNormal", data: utf8("x") } as const;
      wal.append({ token, entries: [entry], hardState: { term: toTerm(1), vote: toNodeId(1), commit: toIndex(0) } });
      expect(await synced).toBe(token);
      // Now it sleeps on the counter, now in its event loop.
      if (token % 20 === 0) await new Promise<void>((resolve) => nodeTimers.after(60, resolve));
    }
    await wal.close();
    expect(await ended).toBe(0);
    const recovery = recoverWal(new NodeWalDisk(path));
    expect(recovery.status === "ok" && recovery.entries).toHaveLength(60);
  });

  it("reports a full disk as fatal and does not write on", async () => {
    class FullDisk extends MemoryWalDisk {
      writes = 0;
      override write(name: string, offset: number, bytes: Uint8Array): void {
        if (++this.writes > 20) throw new Error("ENOSPC: no space left on device, write");
        super.write(name, offset, bytes);
      }
    }
    const disk = new FullDisk();
    await expect(appendAll(disk, createWal(disk, identity, options), 500)).rejects.toThrow(/ENOSPC/);
    expect(disk.writes).toBe(21);
  });

  it("reports the end of its thread as fatal", async () => {
    const disk = new MemoryWalDisk();
    const { port1, port2 } = new MessageChannel();
    runWalThread(port2, disk);
    let wal: WalHandle | undefined;
    const fatal = new Promise<Error>((onFatal) => {
      wal = openThreadWal(createWal(disk, identity, options), options, {
        port: port1,
        events: { onSynced: () => {}, onFatal },
      });
    });
    port2.close();
    expect((await fatal).message).toMatch(/thread has ended/);
    await wal?.close();
  });
});
