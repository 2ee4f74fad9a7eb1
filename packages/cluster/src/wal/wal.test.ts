import { toIndex, toTerm } from "@strongroom/raft";
import { SeededRandom } from "@strongroom/runtime/testing";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { openInlineWal } from "./inline-wal.ts";
import { MemoryWalDisk } from "./memory-wal-disk.ts";
import { executeOperations } from "./operations.ts";
import { createWal, recoverWal } from "./recovery.ts";
import {
  applyToModel,
  confState,
  emptyModel,
  endOf,
  entry,
  hardState,
  identity,
  keyOf,
  type Model,
  openInline,
  randomGroups,
  recovered,
  SEGMENT_BYTES,
  seen,
} from "./testing/log-model.ts";
import type { WalContents, WalGroup, WalHandle } from "./types.ts";
import { type WalBatch, WalWriter } from "./writer.ts";

describe("the log", () => {
  it("is empty on a disk that has none", () => {
    expect(recoverWal(new MemoryWalDisk())).toEqual({ status: "empty" });
  });

  it("is empty after a crash in the middle of its making", () => {
    const disk = new MemoryWalDisk();
    disk.write("next.tmp", 0, new Uint8Array(100).fill(3));
    expect(recoverWal(disk)).toEqual({ status: "empty" });
    expect(seen(createWal(disk, identity, { segmentBytes: SEGMENT_BYTES }))).toEqual(emptyModel);
  });

  it("gives back whose it is, and the generation it began with", () => {
    const disk = new MemoryWalDisk();
    const metadata = { index: toIndex(10), term: toTerm(2), confState };
    const made = createWal(disk, identity, {
      segmentBytes: SEGMENT_BYTES,
      installed: { metadata, generation: "state-10-0" },
    });
    expect(made.identity).toEqual(identity);
    expect(made.installed).toEqual({ metadata, generation: "state-10-0" });
    expect(made.base).toEqual({ index: 10, term: 2 });
    expect(made.hardState).toEqual(hardState(2, 0, 10));
  });

  it("gives back what was appended, across segments and restarts", () => {
    fc.assert(
      fc.property(fc.nat(), fc.integer({ min: 1, max: 60 }), (seed, count) => {
        const disk = new MemoryWalDisk();
        let contents = createWal(disk, identity, { segmentBytes: SEGMENT_BYTES });
        let model = emptyModel;
        const random = new SeededRandom(seed);
        let wal = openInline(disk, contents);
        for (const group of randomGroups(seed, count)) {
          wal.append(group);
          model = applyToModel(model, group);
          if (random.below(8) === 0) {
            contents = recovered(disk);
            expect(seen(contents)).toEqual(model);
            wal = openInline(disk, contents);
          }
        }
        expect(seen(recovered(disk))).toEqual(model);
      }),
      { numRuns: 60 },
    );
  });

  it("keeps what was synced, and a whole number of groups, through any number of crashes and cuts", () => {
    fc.assert(
      fc.property(fc.nat(), fc.integer({ min: 1, max: 60 }), (seed, count) => {
        const disk = new MemoryWalDisk();
        const random = new SeededRandom(seed);
        const groups = randomGroups(seed, count);
        const models = [emptyModel];
        for (const group of groups) models.push(applyToModel(models.at(-1) as Model, group));
        let contents = createWal(disk, identity, { segmentBytes: SEGMENT_BYTES });
        let kept = 0;
        while (kept < count) {
          const { appended, synced } = liveUntilCrash(disk, contents, { groups, models, from: kept, random });
          if (random.below(2) === 0) disk.crash(random);
          contents = recovered(disk);
          const { name, used } = endOf(contents);
          expect(
            disk
              .read(name)
              .subarray(used)
              .every((byte) => byte === 0),
          ).toBe(true);
          // What was appended last and looks alike is what was kept: a node cannot tell the difference either.
          kept = models.findLastIndex((each, index) => index <= appended && isCutOf(contents, each));
          expect(kept).toBeGreaterThanOrEqual(synced);
          // What one start relied on, a loss of power before the next may not take away.
          disk.crash(random);
          expect(seen(recovered(disk))).toEqual(seen(contents));
        }
      }),
      { numRuns: 200 },
    );
  });

  it("forgets whole segments below a cut, and no entry at or above it", () => {
    const disk = new MemoryWalDisk();
    const wal = openInline(disk, createWal(disk, identity, { segmentBytes: SEGMENT_BYTES }));
    for (let index = 1; index <= 200; index++) {
      wal.append({ token: index, entries: [entry(index, 1)], hardState: hardState(1, 0, index) });
    }
    const before = disk.list().length;
    wal.cut(toIndex(150));
    expect(disk.list().length).toBeLessThan(before);
    const contents = recovered(disk);
    expect(contents.firstIndex).toBeLessThanOrEqual(150);
    expect(contents.firstIndex).toBeGreaterThan(130);
    expect(contents.entries.at(-1)?.index).toBe(200);
    expect(contents.base.term).toBe(1);
  });

  it("gives a record that is too long for a segment one of its own", () => {
    const disk = new MemoryWalDisk();
    const wal = openInline(disk, createWal(disk, identity, { segmentBytes: SEGMENT_BYTES }));
    wal.append({ token: 1, entries: [entry(1, 1, 10)], hardState: hardState(1, 0, 0) });
    wal.append({ token: 2, entries: [entry(2, 1, 5000)], hardState: hardState(1, 0, 0) });
    wal.append({ token: 3, entries: [entry(3, 1, 10)], hardState: hardState(1, 0, 3) });
    expect(recovered(disk).entries.map((each) => each.data.length)).toEqual([10, 5000, 10]);
  });
});

describe("a log's handle", () => {
  it("reports tokens in order, also to a listener that appends", () => {
    const disk = new MemoryWalDisk();
    const synced: number[] = [];
    let wal: WalHandle | undefined;
    const events = {
      onSynced: (token: number) => {
        synced.push(token);
        if (token < 20) wal?.append({ token: token + 10, entries: [], hardState: hardState(token + 10, 0, 0) });
      },
      onFatal: (error: Error) => {
        throw error;
      },
    };
    const turns: (() => void)[] = [];
    wal = openInlineWal(
      createWal(disk, identity, { segmentBytes: SEGMENT_BYTES }),
      { schedule: (turn) => turns.push(turn) },
      { disk, events },
    );
    for (let token = 1; token <= 5; token++) wal.append({ token, entries: [], hardState: hardState(token, 0, 0) });
    for (let turn = turns.shift(); turn !== undefined; turn = turns.shift()) turn();
    expect(synced).toEqual([1, 2, 3, 4, 5, 11, 12, 13, 14, 15, 21, 22, 23, 24, 25]);
  });

  it("reports a failure once and writes nothing after it", async () => {
    class FailingDisk extends MemoryWalDisk {
      failing = false;
      writes = 0;
      override write(name: string, offset: number, bytes: Uint8Array): void {
        this.writes++;
        super.write(name, offset, bytes);
      }
      override sync(name: string): void {
        if (this.failing) throw new Error("EIO: i/o error, fdatasync");
        super.sync(name);
      }
    }
    const disk = new FailingDisk();
    const contents = createWal(disk, identity, { segmentBytes: SEGMENT_BYTES });
    const errors: Error[] = [];
    const synced: number[] = [];
    const group = (token: number): WalGroup => {
      return { token, entries: [entry(token, 1)], hardState: hardState(1, 0, 0) };
    };
    let writes = 0;
    const onFatal = (error: Error): void => {
      errors.push(error);
      writes = disk.writes;
      // Whoever hears of it may have something under way already.
      wal.append(group(2));
    };
    const wal: WalHandle = openInlineWal(
      contents,
      { schedule: (turn) => turn() },
      { disk, events: { onSynced: (token) => synced.push(token), onFatal } },
    );
    disk.failing = true;
    wal.append(group(1));
    disk.failing = false;
    wal.append(group(3));
    expect(disk.writes).toBe(writes);
    expect(synced).toEqual([]);
    expect(errors.map((error) => error.message)).toEqual([expect.stringMatching(/EIO.*stops/s)]);
    await wal.close();
    await wal.close();
  });
});

/**
 * Appends groups in batches of some until all are written or the power goes in the middle of a batch. `appended`: how many
 * may be in the log; `synced`: how many must be.
 */
function liveUntilCrash(
  disk: MemoryWalDisk,
  contents: WalContents,
  plan: { groups: readonly WalGroup[]; models: readonly Model[]; from: number; random: SeededRandom },
): { appended: number; synced: number } {
  const { groups, models, from, random } = plan;
  const writer = new WalWriter(contents, { segmentBytes: SEGMENT_BYTES, preparationBytes: 256 });
  let [appended, synced] = [from, from];
  const underWay: WalBatch[] = [];
  for (;;) {
    const take = 1 + random.below(4);
    for (const group of groups.slice(appended, appended + take)) writer.append(group);
    appended = Math.min(groups.length, appended + take);
    if (random.below(5) === 0) writer.cut(toIndex((models[synced] as Model).hardState.commit + 1));
    const next = writer.nextBatch();
    if (next !== undefined) underWay.push(next);
    if (next !== undefined && underWay.length < 2 && random.below(2) === 0) continue;
    const batch = underWay.shift();
    if (batch === undefined) return { appended, synced };
    const operations = [...batch.operations, ...batch.afterwards];
    const stop = random.below(6) === 0 ? random.below(operations.length + 1) : operations.length;
    executeOperations(disk, operations.slice(0, stop));
    if (stop < operations.length) return { appended, synced };
    const tokens = writer.batchDone();
    // A commit index alone is reported without a sync, and may be forgotten.
    if (batch.operations.at(-1)?.type === "sync") synced = tokens.at(-1) ?? synced;
  }
}

/** Whether the log holds what the model does, save for committed entries at its beginning. */
function isCutOf(contents: WalContents, model: Model): boolean {
  const { base } = contents;
  if (base.index < model.base || base.index > Math.max(model.base, model.hardState.commit)) return false;
  const cut = model.entries.find((each) => each.index === base.index);
  if (base.index > model.base && cut?.term !== base.term) return false;
  const entries = model.entries.filter((each) => each.index > base.index);
  return keyOf(seen(contents)) === keyOf({ ...model, base: base.index, entries });
}
