import { type ConfState, type Entry, type HardState, toIndex, toNodeId, toTerm } from "@strongroom/raft";
import { SeededRandom } from "@strongroom/runtime/testing";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { openInlineWal } from "./inline-wal.ts";
import { MemoryWalDisk } from "./memory-wal-disk.ts";
import { executeOperations } from "./operations.ts";
import { createWal, recoverWal } from "./recovery.ts";
import { segmentName } from "./segment.ts";
import type { WalContents, WalGroup, WalHandle } from "./types.ts";
import { type WalBatch, WalWriter } from "./writer.ts";

const SEGMENT_BYTES = 1024;
const identity = { nodeId: toNodeId(7), clusterId: new Uint8Array([1, 2, 3]) };
const confState: ConfState = {
  voters: [toNodeId(7)],
  votersOutgoing: [],
  learners: [],
  learnersNext: [],
  autoLeave: false,
};

function entry(index: number, term: number, bytes = 20): Entry {
  const data = new Uint8Array(bytes).fill(index & 0xff);
  return { index: toIndex(index), term: toTerm(term), type: "EntryNormal", data };
}

function hardState(term: number, vote: number, commit: number): HardState {
  return { term: toTerm(term), vote: toNodeId(vote), commit: toIndex(commit) };
}

/** The log that a careful clerk would keep: what is in it after each group. */
interface Model {
  readonly hardState: HardState;
  readonly base: number;
  readonly entries: readonly Entry[];
  readonly generation: string | undefined;
}

const emptyModel: Model = { hardState: hardState(0, 0, 0), base: 0, entries: [], generation: undefined };

function applyToModel(model: Model, group: WalGroup): Model {
  let { base, entries, generation } = model;
  if (group.installed !== undefined) {
    base = group.installed.metadata.index;
    entries = [];
    generation = group.installed.generation;
  }
  const first = group.entries[0]?.index;
  if (first !== undefined) entries = [...entries.filter((old) => old.index < first), ...group.entries];
  return { hardState: group.hardState ?? model.hardState, base, entries, generation };
}

function seen(contents: WalContents): Model {
  const { base, entries, installed } = contents;
  return { hardState: contents.hardState, base: base.index, entries, generation: installed?.generation };
}

/** A node's life as raft would ask for it: appends, overwritten suffixes, commits, votes, snapshots. */
function randomGroups(seed: number, count: number): WalGroup[] {
  const random = new SeededRandom(seed);
  const groups: WalGroup[] = [];
  let { term, commit, last } = { term: 1, commit: 0, last: 0 };
  let terms: number[] = [0];
  for (let token = 1; token <= count; token++) {
    const kind = random.below(10);
    if (kind === 0) term++;
    if (kind === 1 && token > 3) {
      last += 1 + random.below(30);
      commit = last;
      terms[last] = term;
      const metadata = { index: toIndex(last), term: toTerm(term), confState };
      groups.push({
        token,
        entries: [],
        hardState: hardState(term, 0, commit),
        installed: { metadata, generation: `state-${last}-0` },
      });
      continue;
    }
    if (kind === 2) {
      commit += random.below(last - commit + 1);
      groups.push({ token, entries: [], hardState: hardState(term, 0, commit) });
      continue;
    }
    const overwrites = kind === 3 && last > commit;
    if (overwrites) term++;
    const first = overwrites ? commit + 1 + random.below(last - commit) : last + 1;
    terms = terms.slice(0, first);
    const entries: Entry[] = [];
    const length = 1 + random.below(4);
    for (let index = first; index < first + length; index++) {
      entries.push(entry(index, term, random.below(80)));
      terms[index] = term;
    }
    last = first + length - 1;
    commit += random.below(last - commit + 1);
    groups.push({ token, entries, hardState: hardState(term, random.below(2), commit) });
  }
  return groups;
}

function openInline(disk: MemoryWalDisk, contents: WalContents, synced: number[] = []): WalHandle {
  return openInlineWal(
    contents,
    { segmentBytes: SEGMENT_BYTES, preparationBytes: 256, schedule: (turn) => turn() },
    {
      disk,
      events: {
        onSynced: (token) => synced.push(token),
        onFatal: (error) => {
          throw error;
        },
      },
    },
  );
}

function recovered(disk: MemoryWalDisk): WalContents {
  const recovery = recoverWal(disk);
  if (recovery.status !== "ok") throw new Error(JSON.stringify(recovery));
  return recovery;
}

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

/** A log of several groups, every model that it went through, and its disk. */
function written(seed: number, count: number): { disk: MemoryWalDisk; models: Model[] } {
  const disk = new MemoryWalDisk();
  const wal = openInline(disk, createWal(disk, identity, { segmentBytes: SEGMENT_BYTES }));
  const models = [emptyModel];
  for (const group of randomGroups(seed, count)) {
    wal.append(group);
    models.push(applyToModel(models.at(-1) as Model, group));
  }
  return { disk, models };
}

function copyOf(disk: MemoryWalDisk): MemoryWalDisk {
  const copy = new MemoryWalDisk();
  for (const name of disk.list()) copy.write(name, 0, disk.read(name));
  return copy;
}

/** Oldest first. */
function segmentsOf(disk: MemoryWalDisk): readonly string[] {
  return disk
    .list()
    .filter((file) => file.endsWith(".wal"))
    .sort();
}

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

/** The segment that is written next, and from which offset on. */
function endOf({ resume }: WalContents): { name: string; used: number } {
  return { name: segmentName(resume.segments.at(-1)?.sequence ?? 0), used: resume.usedBytes };
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

/** Whether the log holds what the model does, save for committed entries at its beginning. */
function isCutOf(contents: WalContents, model: Model): boolean {
  const { base } = contents;
  if (base.index < model.base || base.index > Math.max(model.base, model.hardState.commit)) return false;
  const cut = model.entries.find((each) => each.index === base.index);
  if (base.index > model.base && cut?.term !== base.term) return false;
  const entries = model.entries.filter((each) => each.index > base.index);
  return keyOf(seen(contents)) === keyOf({ ...model, base: base.index, entries });
}

function isOneOf(model: Model, models: readonly Model[]): boolean {
  const wanted = keyOf(model);
  return models.some((other) => keyOf(other) === wanted);
}

function keyOf(model: Model): string {
  const { hardState, base, generation } = model;
  const entries = model.entries.map((each) => [
    each.index,
    each.term,
    each.type,
    Buffer.from(each.data).toString("hex"),
  ]);
  return JSON.stringify([hardState.term, hardState.vote, hardState.commit, base, entries, generation ?? ""]);
}
