import { type Entry, toIndex, toNodeId, toTerm } from "@strongroom/raft";
import { SeededRandom } from "@strongroom/runtime/testing";
import { describe, expect, it } from "vitest";
import { openInlineWal } from "./inline-wal.ts";
import { MemoryWalDisk } from "./memory-wal-disk.ts";
import { createWal, recoverWal } from "./recovery.ts";
import type { WalContents } from "./types.ts";

const identity = { nodeId: toNodeId(7), clusterId: new Uint8Array(0) };
const SEGMENT_BYTES = 1024;

function entryAt(index: number): Entry {
  const data = new SeededRandom(index).bytes(index % 90);
  return { index: toIndex(index), term: toTerm(1 + Math.floor(index / 20)), type: "EntryNormal", data };
}

/** Appends entries from `from` on, one a group, until the disk is full or `to` is reached. */
function append(
  disk: MemoryWalDisk,
  contents: WalContents,
  { from, to }: { readonly from: number; readonly to: number },
): { readonly synced: number; readonly failure: Error | undefined } {
  let synced = from - 1;
  let failure: Error | undefined;
  const events = {
    onSynced: (token: number) => {
      synced = token;
    },
    onFatal: (error: Error) => {
      failure = error;
    },
  };
  const options = { segmentBytes: SEGMENT_BYTES, preparationBytes: 128, schedule: (turn: () => void) => turn() };
  const wal = openInlineWal(contents, options, { disk, events });
  for (let index = from; index <= to && failure === undefined; index++) {
    const entry = entryAt(index);
    const hardState = { term: entry.term, vote: toNodeId(1), commit: toIndex(Math.max(0, index - 3)) };
    wal.append({ token: index, hardState, entries: [entry] });
  }
  return { synced, failure };
}

describe("a log on a disk that is full", () => {
  it("stops, has all that it acknowledged after a loss of power, and goes on when there is room again", () => {
    const empty = () => {
      const disk = new MemoryWalDisk();
      return { disk, contents: createWal(disk, identity, { segmentBytes: SEGMENT_BYTES }) };
    };
    const whole = empty();
    expect(append(whole.disk, whole.contents, { from: 1, to: 120 })).toEqual({ synced: 120, failure: undefined });
    const bytes = whole.disk.list().reduce((sum, name) => sum + whole.disk.read(name).length, 0);
    let failures = 0;
    for (let capacity = SEGMENT_BYTES; capacity < bytes; capacity += 512) {
      const { disk, contents } = empty();
      disk.capacity = capacity;
      const { synced, failure } = append(disk, contents, { from: 1, to: 120 });
      if (failure === undefined) continue;
      expect(failure.message).toMatch(/ENOSPC.*This node stops/);
      failures++;
      disk.crash(new SeededRandom(capacity));
      disk.capacity = Number.POSITIVE_INFINITY;
      const recovered = recoverWal(disk);
      if (recovered.status !== "ok") throw new Error(`at ${capacity} bytes the log is ${recovered.status}`);
      const last = recovered.entries.length;
      expect(last).toBeGreaterThanOrEqual(synced);
      expect(recovered.entries.map(({ data }) => [...data])).toEqual(
        Array.from({ length: last }, (_, i) => [...entryAt(i + 1).data]),
      );
      expect(append(disk, recovered, { from: last + 1, to: 120 }).synced).toBe(120);
    }
    expect(failures).toBeGreaterThan(10);
  });
});
