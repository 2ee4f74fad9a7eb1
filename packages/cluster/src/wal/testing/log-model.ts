/**
 * What a careful clerk would remember of a log, and lives for it to remember: so that tests of writing, of crashes and of damage
 * hold the log against one model.
 */
import { type ConfState, type Entry, type HardState, toIndex, toNodeId, toTerm } from "@strongroom/raft";
import { SeededRandom } from "@strongroom/runtime/testing";
import { openInlineWal } from "../inline-wal.ts";
import { MemoryWalDisk } from "../memory-wal-disk.ts";
import { createWal, recoverWal } from "../recovery.ts";
import { segmentName } from "../segment.ts";
import type { WalContents, WalGroup, WalHandle, WalIdentity } from "../types.ts";

export const SEGMENT_BYTES: number = 1024;
export const identity: WalIdentity = { nodeId: toNodeId(7), clusterId: new Uint8Array([1, 2, 3]) };
export const confState: ConfState = {
  voters: [toNodeId(7)],
  votersOutgoing: [],
  learners: [],
  learnersNext: [],
  autoLeave: false,
};

export function entry(index: number, term: number, bytes = 20): Entry {
  const data = new Uint8Array(bytes).fill(index & 0xff);
  return { index: toIndex(index), term: toTerm(term), type: "EntryNormal", data };
}

export function hardState(term: number, vote: number, commit: number): HardState {
  return { term: toTerm(term), vote: toNodeId(vote), commit: toIndex(commit) };
}

/** The log that a careful clerk would keep: what is in it after each group. */
export interface Model {
  readonly hardState: HardState;
  readonly base: number;
  readonly entries: readonly Entry[];
  readonly generation: string | undefined;
}

export const emptyModel: Model = { hardState: hardState(0, 0, 0), base: 0, entries: [], generation: undefined };

export function applyToModel(model: Model, group: WalGroup): Model {
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

export function seen(contents: WalContents): Model {
  const { base, entries, installed } = contents;
  return { hardState: contents.hardState, base: base.index, entries, generation: installed?.generation };
}

/** A node's life as raft would ask for it: appends, overwritten suffixes, commits, votes, snapshots. */
export function randomGroups(seed: number, count: number): WalGroup[] {
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

export function openInline(disk: MemoryWalDisk, contents: WalContents, synced: number[] = []): WalHandle {
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

export function recovered(disk: MemoryWalDisk): WalContents {
  const recovery = recoverWal(disk);
  if (recovery.status !== "ok") throw new Error(JSON.stringify(recovery));
  return recovery;
}

/** A log of several groups, every model that it went through, and its disk. */
export function written(seed: number, count: number): { disk: MemoryWalDisk; models: Model[] } {
  const disk = new MemoryWalDisk();
  const wal = openInline(disk, createWal(disk, identity, { segmentBytes: SEGMENT_BYTES }));
  const models = [emptyModel];
  for (const group of randomGroups(seed, count)) {
    wal.append(group);
    models.push(applyToModel(models.at(-1) as Model, group));
  }
  return { disk, models };
}

export function copyOf(disk: MemoryWalDisk): MemoryWalDisk {
  const copy = new MemoryWalDisk();
  for (const name of disk.list()) copy.write(name, 0, disk.read(name));
  return copy;
}

/** Oldest first. */
export function segmentsOf(disk: MemoryWalDisk): readonly string[] {
  return disk
    .list()
    .filter((file) => file.endsWith(".wal"))
    .sort();
}

/** The segment that is written next, and from which offset on. */
export function endOf({ resume }: WalContents): { name: string; used: number } {
  return { name: segmentName(resume.segments.at(-1)?.sequence ?? 0), used: resume.usedBytes };
}

export function isOneOf(model: Model, models: readonly Model[]): boolean {
  const wanted = keyOf(model);
  return models.some((other) => keyOf(other) === wanted);
}

export function keyOf(model: Model): string {
  const { hardState, base, generation } = model;
  const entries = model.entries.map((each) => [
    each.index,
    each.term,
    each.type,
    Buffer.from(each.data).toString("hex"),
  ]);
  return JSON.stringify([hardState.term, hardState.vote, hardState.commit, base, entries, generation ?? ""]);
}
