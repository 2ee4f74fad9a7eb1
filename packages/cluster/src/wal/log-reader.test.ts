import { type Entry, type HardState, toIndex, toNodeId, toTerm } from "@strongroom/raft";
import { SeededRandom } from "@strongroom/runtime/testing";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { openInlineWal } from "./inline-wal.ts";
import { readCommitted } from "./log-reader.ts";
import { MemoryWalDisk } from "./memory-wal-disk.ts";
import { createWal } from "./recovery.ts";
import { segmentName } from "./segment.ts";
import type { WalHandle } from "./types.ts";

const identity = { nodeId: toNodeId(7), clusterId: new Uint8Array(0) };

interface Written {
  readonly disk: MemoryWalDisk;
  readonly wal: WalHandle;
  /** The last word on each entry, and how many of them are committed. */
  readonly entries: Entry[];
  commit: number;
}

/** Appends, overwritten suffixes and commits, over segments of half a kilobyte. */
function write(seed: number, groups: number): Written {
  const random = new SeededRandom(seed);
  const disk = new MemoryWalDisk();
  const contents = createWal(disk, identity, { segmentBytes: 512 });
  const events = {
    onSynced: () => {},
    onFatal: (error: Error) => {
      throw error;
    },
  };
  const options = { segmentBytes: 512, preparationBytes: 64, schedule: (turn: () => void) => turn() };
  const wal = openInlineWal(contents, options, { disk, events });
  const written: Written = { disk, wal, entries: [], commit: 0 };
  let term = 1;
  for (let token = 1; token <= groups; token++) {
    if (random.below(4) === 0) term++;
    const keep = Math.max(written.commit, written.entries.length - random.below(4));
    written.entries.length = keep;
    const count = random.below(4);
    const fresh = Array.from({ length: count }, (_, i): Entry => {
      const data = random.bytes(random.below(90));
      return { index: toIndex(keep + 1 + i), term: toTerm(term), type: "EntryNormal", data };
    });
    if (count === 0) continue;
    written.entries.push(...fresh);
    written.commit += random.below(written.entries.length - written.commit + 1);
    const hardState: HardState = { term: toTerm(term), vote: toNodeId(0), commit: toIndex(written.commit) };
    wal.append({ token, hardState, entries: fresh });
  }
  return written;
}

describe("a log that is read beside its writer", () => {
  it("gives the last word on every committed entry, from anywhere to anywhere", () => {
    fc.assert(
      fc.property(fc.nat(), fc.nat(1000), fc.nat(1000), (seed, a, b) => {
        const { disk, entries, commit } = write(seed, 40);
        const from = 1 + (a % Math.max(1, commit));
        const to = Math.min(commit, from + (b % Math.max(1, commit)));
        expect([...readCommitted(disk, { from, to })]).toEqual(entries.slice(from - 1, to));
      }),
      { numRuns: 200 },
    );
  });

  it("ends where a segment is gone or a record is broken, and never gives what is not there", () => {
    const { disk, entries, commit } = write(3, 120);
    expect(commit).toBeGreaterThan(60);
    disk.remove(segmentName(1));
    expect([...readCommitted(disk, { from: 1, to: commit })][0]?.index).not.toBe(1);
    const broken = write(3, 120).disk;
    broken.corrupt(segmentName(4), (bytes) => bytes.fill(0x55, 200, 210));
    const read = [...readCommitted(broken, { from: 1, to: commit })];
    expect(read.length).toBeLessThan(commit);
    expect(read).toEqual(entries.slice(0, read.length));
  });
});
