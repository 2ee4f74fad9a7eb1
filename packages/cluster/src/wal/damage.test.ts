import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { MemoryWalDisk } from "./memory-wal-disk.ts";
import { createWal, recoverWal } from "./recovery.ts";
import {
  copyOf,
  endOf,
  entry,
  hardState,
  identity,
  isOneOf,
  keyOf,
  type Model,
  openInline,
  recovered,
  SEGMENT_BYTES,
  seen,
  segmentsOf,
  written,
} from "./testing/log-model.ts";

describe("a damaged log", () => {
  it("is a state that it went through when it is cut at any length of its last segment, and damaged when in any other", () => {
    fc.assert(
      fc.property(fc.nat(), fc.integer({ min: 6, max: 16 }), (seed, count) => {
        const { disk, models } = written(seed, count);
        const names = segmentsOf(disk);
        for (const [at, name] of names.entries()) {
          const last = at === names.length - 1;
          const { length: whole } = disk.read(name);
          // Each length where it matters, and a sample of those that cut zeros or a segment that nobody can miss.
          for (let length = 0; length <= whole; length += last ? 1 : 37) {
            const copy = copyOf(disk);
            copy.corrupt(name, (bytes) => bytes.fill(0, length));
            const lost = Buffer.compare(copy.read(name), disk.read(name)) !== 0;
            const recovery = recoverWal(copy);
            if (!last && lost) expect(recovery.status).toBe("damaged");
            // Without its head, the segment was never made by a crash.
            else if (recovery.status === "damaged") expect(recovery.reason).toMatch(/head/);
            else expect(recovery.status === "ok" && isOneOf(seen(recovery), models)).toBe(true);
          }
        }
      }),
      { numRuns: 8 },
    );
  });

  it("finds every single flipped bit, except behind what the last record but one vouches for", () => {
    const { disk, models } = written(5, 14);
    const names = segmentsOf(disk);
    expect(names.length).toBeGreaterThan(2);
    const check = flipChecker(disk, models);
    for (const name of names) {
      const bits = disk.read(name).length * 8;
      for (let bit = 0; bit < bits; bit++) check(name, bit);
    }
  });

  it("finds flipped bits in any log", () => {
    fc.assert(
      fc.property(
        fc.nat(),
        fc.integer({ min: 3, max: 40 }),
        fc.array(fc.nat(), { minLength: 40 }),
        (seed, count, draws) => {
          const { disk, models } = written(seed, count);
          const names = segmentsOf(disk);
          const check = flipChecker(disk, models);
          for (const draw of draws) {
            const name = names[draw % names.length] as string;
            check(name, draw % (disk.read(name).length * 8));
          }
        },
      ),
      { numRuns: 40 },
    );
  });

  it("calls rot in any group but the last one damage, where each was synced by itself", () => {
    const disk = new MemoryWalDisk();
    const wal = openInline(disk, createWal(disk, identity, { segmentBytes: SEGMENT_BYTES }));
    const ends: { name: string; used: number }[] = [];
    for (let index = 1; index <= 30; index++) {
      wal.append({ token: index, entries: [entry(index, 1)], hardState: hardState(1, 0, 0) });
      ends.push(endOf(recovered(copyOf(disk))));
    }
    const statuses = ends.map(({ name, used }) => {
      const copy = copyOf(disk);
      copy.corrupt(name, (bytes) => {
        bytes[used - 20] = (bytes[used - 20] as number) ^ 1;
      });
      return recoverWal(copy).status;
    });
    // The last record vouches for all that was written before it, and nobody vouches for the last.
    expect(statuses.slice(0, -1)).toEqual(Array.from({ length: 29 }, () => "damaged"));
    expect(statuses.at(-1)).toBe("ok");
  });

  it("says that a missing segment is damage", () => {
    const { disk } = written(3, 40);
    const names = disk
      .list()
      .filter((file) => file.endsWith(".wal"))
      .sort();
    expect(names.length).toBeGreaterThan(2);
    disk.remove(names[1] as string);
    expect(recoverWal(disk)).toMatchObject({ status: "damaged", reason: expect.stringMatching(/is missing/) });
  });
});

/**
 * Checks a log with one wrong bit: it is damaged, or a state that it went through, of which nothing is missing that a record
 * vouches for.
 */
function flipChecker(disk: MemoryWalDisk, models: readonly Model[]): (name: string, bit: number) => void {
  const synced = syncedPositions(disk);
  const known = new Set(models.map(keyOf));
  const copy = copyOf(disk);
  return (name, bit) => {
    const flip = (bytes: Uint8Array): void => {
      bytes[bit >> 3] = (bytes[bit >> 3] as number) ^ (1 << (bit & 7));
    };
    copy.corrupt(name, flip);
    const recovery = recoverWal(copy);
    if (recovery.status === "ok") {
      expect(known.has(keyOf(seen(recovery)))).toBe(true);
      expect(recovery.resume.position).toBeGreaterThanOrEqual(synced);
      // Recovery has cut off what it took for a torn end.
      copy.write(name, 0, disk.read(name));
    } else {
      expect(recovery.status).toBe("damaged");
      copy.corrupt(name, flip);
    }
  };
}

/** The highest place that any record calls synced: nothing below it may be missing after a single fault. */
function syncedPositions(disk: MemoryWalDisk): number {
  const contents = recovered(copyOf(disk));
  const copy = copyOf(disk);
  const bytes = copy.read(endOf(contents).name);
  let synced = 0;
  const view = new DataView(bytes.buffer);
  for (let at = 0; at < contents.resume.usedBytes; at += 32 + Math.ceil(view.getUint32(at + 8) / 8) * 8) {
    // The last record's own word dies with it, so only the ones before it count.
    const next = at + 32 + Math.ceil(view.getUint32(at + 8) / 8) * 8;
    if (next < contents.resume.usedBytes) synced = Number(view.getBigUint64(at + 24));
  }
  return synced;
}
