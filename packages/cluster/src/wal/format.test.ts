/** The bytes of `docs/formats/wal.md` against vectors that another implementation could use. */
import { readFileSync } from "node:fs";
import { type Entry, type HardState, toIndex, toNodeId, toTerm } from "@strongroom/raft";
import { fromHex, toHex } from "@strongroom/runtime";
import { describe, expect, it } from "vitest";
import { openInlineWal } from "./inline-wal.ts";
import { MemoryWalDisk } from "./memory-wal-disk.ts";
import { createWal, recoverWal } from "./recovery.ts";
import { segmentName } from "./segment.ts";
import type { WalContents, WalGroup } from "./types.ts";

interface Vectors {
  readonly identity: { readonly nodeId: number; readonly clusterId: string };
  readonly segmentBytes: number;
  readonly groups: readonly GroupVector[];
  /** The used part of the only segment. */
  readonly segment: string;
  readonly recovered: {
    readonly hardState: HardState;
    readonly base: { readonly index: number; readonly term: number };
    readonly entries: readonly EntryVector[];
    readonly generation: string;
  };
}

interface EntryVector {
  readonly index: number;
  readonly term: number;
  readonly type: Entry["type"];
  readonly data: string;
}

interface GroupVector {
  readonly hardState: HardState;
  readonly entries: readonly EntryVector[];
  readonly installed?: {
    readonly index: number;
    readonly term: number;
    readonly voters: readonly number[];
    readonly learners: readonly number[];
    readonly generation: string;
  };
}

const vectors = JSON.parse(
  readFileSync(new URL("../../testdata/wal-v1.json", import.meta.url), "utf8"),
) as unknown as Vectors;

const identity = { nodeId: toNodeId(vectors.identity.nodeId), clusterId: fromHex(vectors.identity.clusterId) };

function groupOf({ hardState, entries, installed }: GroupVector, token: number): WalGroup {
  const group: WalGroup = { token, hardState, entries: entries.map(entryOf) };
  if (installed === undefined) return group;
  const confState = {
    voters: installed.voters.map(toNodeId),
    votersOutgoing: [],
    learners: installed.learners.map(toNodeId),
    learnersNext: [],
    autoLeave: false,
  };
  const metadata = { index: toIndex(installed.index), term: toTerm(installed.term), confState };
  return { ...group, installed: { metadata, generation: installed.generation } };
}

function entryOf(vector: EntryVector): Entry {
  return { ...vector, index: toIndex(vector.index), term: toTerm(vector.term), data: fromHex(vector.data) };
}

function open(contents: WalContents, disk: MemoryWalDisk) {
  const options = { segmentBytes: vectors.segmentBytes, schedule: (turn: () => void) => turn() };
  const events = {
    onSynced: () => {},
    onFatal: (error: Error) => {
      throw error;
    },
  };
  return openInlineWal(contents, options, { disk, events });
}

describe("the format of the log", () => {
  it("is written as its vectors say", () => {
    const disk = new MemoryWalDisk();
    const wal = open(createWal(disk, identity, { segmentBytes: vectors.segmentBytes }), disk);
    for (const [token, group] of vectors.groups.entries()) wal.append(groupOf(group, token));
    const bytes = toHex(disk.read(segmentName(1)));
    expect(bytes.slice(0, vectors.segment.length)).toBe(vectors.segment);
    expect(bytes.slice(vectors.segment.length)).toMatch(/^0*$/);
  });

  it("is read as its vectors say", () => {
    const disk = new MemoryWalDisk();
    const segment = new Uint8Array(vectors.segmentBytes);
    segment.set(fromHex(vectors.segment));
    disk.write(segmentName(1), 0, segment);
    const recovery = recoverWal(disk);
    expect(recovery).toMatchObject({
      status: "ok",
      identity,
      hardState: vectors.recovered.hardState,
      base: vectors.recovered.base,
      entries: vectors.recovered.entries.map(entryOf),
      installed: { generation: vectors.recovered.generation },
      tornBytes: 0,
    });
  });
});
