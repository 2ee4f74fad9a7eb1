import { describe, expect, it } from "vitest";
import { applyCommand, type RevisionReader } from "./apply.ts";
import type { Guard } from "./command.ts";
import { EPOCH_KEY, mapKey } from "./keys.ts";
import type { Revision } from "./revision.ts";
import { decodeRow } from "./row.ts";

const A = Uint8Array.of(0x20, 0x61);
const B = Uint8Array.of(0x20, 0x62);
const AT = { index: 9, position: 2 };

function state(...rows: readonly (readonly [Uint8Array, Revision])[]): RevisionReader {
  const byKey = new Map(rows.map(([key, revision]) => [mapKey(key), { revision }]));
  return { get: (key) => byKey.get(mapKey(key)) };
}

function verdict(reader: RevisionReader, ...guards: readonly Guard[]): unknown {
  return applyCommand(reader, { guards, mutations: [] }, AT, { raftTerm: 4 }).verdict;
}

const applied = { outcome: "applied", revision: AT };
const conflict = { outcome: "conflict", guard: 0 };

describe("applyCommand", () => {
  it("puts rows at the command's own revision, and deletes", () => {
    const value = Uint8Array.of(1);
    const mutations = [
      { kind: "put" as const, key: A, term: 3, value },
      { kind: "delete" as const, key: B },
    ];
    const { verdict: outcome, ops } = applyCommand(state(), { guards: [], mutations }, AT, { raftTerm: 4 });
    expect(outcome).toEqual(applied);
    expect(ops.map(({ type, key }) => ({ type, key }))).toEqual([
      { type: "put", key: A },
      { type: "delete", key: B },
    ]);
    expect(ops[0]?.type === "put" && decodeRow(ops[0].value)).toEqual({ revision: AT, term: 3, value });
  });

  it("holds a point guard at the very revision only", () => {
    const point = (revision: Revision): Guard => ({ kind: "point", key: A, revision });
    const reader = state([A, { index: 5, position: 1 }]);
    expect(verdict(reader, point({ index: 5, position: 1 }))).toEqual(applied);
    expect(verdict(reader, point({ index: 5, position: 0 }))).toEqual(conflict);
    expect(verdict(reader, point({ index: 4, position: 1 }))).toEqual(conflict);
    expect(verdict(state(), point({ index: 5, position: 1 }))).toEqual(conflict);
  });

  it("holds an absence while there is no row", () => {
    expect(verdict(state([B, AT]), { kind: "absent", key: A })).toEqual(applied);
    expect(verdict(state([A, AT]), { kind: "absent", key: A })).toEqual(conflict);
  });

  it("holds a Raft term in that term only", () => {
    expect(verdict(state(), { kind: "raft-term", term: 4 })).toEqual(applied);
    expect(verdict(state(), { kind: "raft-term", term: 3 })).toEqual(conflict);
    expect(verdict(state(), { kind: "raft-term", term: 5 })).toEqual(conflict);
  });

  it("holds an epoch while its row is unchanged, or still missing", () => {
    const revision = { index: 2, position: 0 };
    expect(verdict(state([EPOCH_KEY, revision]), { kind: "epoch", revision })).toEqual(applied);
    expect(verdict(state([EPOCH_KEY, AT]), { kind: "epoch", revision })).toEqual(conflict);
    expect(verdict(state(), { kind: "epoch", revision: { index: 0, position: 0 } })).toEqual(applied);
    expect(verdict(state([EPOCH_KEY, AT]), { kind: "epoch", revision: { index: 0, position: 0 } })).toEqual(conflict);
  });

  it("names the first guard that fails, and then changes nothing", () => {
    const guards: Guard[] = [
      { kind: "absent", key: A },
      { kind: "absent", key: B },
      { kind: "raft-term", term: 1 },
    ];
    const draft = { guards, mutations: [{ kind: "delete" as const, key: A }] };
    expect(applyCommand(state([B, AT]), draft, AT, { raftTerm: 4 })).toEqual({
      verdict: { outcome: "conflict", guard: 1 },
      ops: [],
    });
  });
});
