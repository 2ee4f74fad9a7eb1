import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { EMPTY_CONF_STATE, type Entry, toIndex, toTerm } from "../entry.ts";
import { CompactedError, RaftInvariantError, SnapshotOutOfDateError, UnavailableError } from "../errors.ts";
import { MemoryLogStorage } from "./memory-log-storage.ts";
import { RaftLog } from "./raft-log.ts";

const SILENT = { debug() {}, info() {}, warn() {}, error() {} };
const ALL = Number.POSITIVE_INFINITY;

// Entries of these terms from `from` on.
function entries(from: number, terms: readonly number[]): Entry[] {
  return terms.map((term, i) => {
    return { term: toTerm(term), index: toIndex(from + i), type: "EntryNormal", data: Uint8Array.of(term, i) };
  });
}

function idsOf(list: readonly Entry[]): string[] {
  return list.map(({ term, index }) => `${term}/${index}`);
}

describe("RaftLog", () => {
  it("takes a leader's entries as a plain list would, whatever part of it is on disk", () => {
    const terms = fc.array(fc.integer({ min: 1, max: 4 }), { maxLength: 12 }).map((list) => list.sort((a, b) => a - b));
    const step = fc.record({ leader: terms, from: fc.nat(12), count: fc.nat(6), store: fc.boolean() });
    fc.assert(
      fc.property(terms, fc.array(step, { maxLength: 8 }), (own, steps) => {
        const storage = new MemoryLogStorage();
        const log = new RaftLog(storage, SILENT, ALL);
        log.append(entries(1, own));
        let model = [...own];
        for (const { leader, from, count, store } of steps) {
          const at = Math.min(from, leader.length);
          const previous = { index: toIndex(at), term: toTerm(at === 0 ? 0 : (leader[at - 1] as number)) };
          const sent = leader.slice(at, at + count);
          const matches = at === 0 || model[at - 1] === leader[at - 1];
          const last = log.maybeAppend(previous, entries(at + 1, sent), toIndex(0));
          expect(last).toBe(matches ? at + sent.length : undefined);
          if (matches) {
            const conflict = sent.findIndex((term, i) => model[at + i] !== term);
            if (conflict >= 0) model = [...model.slice(0, at + conflict), ...sent.slice(conflict)];
          }
          if (store) {
            storage.append(log.unstable.nextEntries());
            log.unstable.acceptInProgress();
            if (log.unstable.length > 0) log.unstable.stableTo(log.lastId());
          }
          expect(log.lastIndex()).toBe(model.length);
          expect(model.map((_, i) => log.term(toIndex(i + 1)))).toEqual(model);
          const wanted = model.map((term, i) => `${term}/${i + 1}`);
          expect(idsOf(log.entries(toIndex(1), ALL) ?? [])).toEqual(wanted);
        }
      }),
    );
  });

  it("gives at least one entry, and no more than fit, across disk and memory", () => {
    const storage = new MemoryLogStorage();
    storage.append(entries(1, [1, 1]));
    const log = new RaftLog(storage, SILENT, ALL);
    log.append(entries(3, [1, 1]));
    // Each entry counts 16 bytes and its payload of two.
    const given = [0, 18, 35, 36, 54, 71, 72].map((bytes) => log.entries(toIndex(1), bytes)?.length);
    expect(given).toEqual([1, 1, 1, 2, 3, 3, 4]);
    expect(log.entries(toIndex(5), ALL)).toEqual([]);
  });

  it("finds by term how far two logs can agree", () => {
    const log = new RaftLog(new MemoryLogStorage(), SILENT, ALL);
    log.append(entries(1, [1, 1, 3, 3, 5]));
    expect(log.findConflictByTerm(toIndex(5), toTerm(4))).toEqual({ index: 4, term: 3 });
    expect(log.findConflictByTerm(toIndex(4), toTerm(2))).toEqual({ index: 2, term: 1 });
    expect(log.findConflictByTerm(toIndex(2), toTerm(0))).toEqual({ index: 0, term: 0 });
  });

  it("never replaces what is committed", () => {
    const log = new RaftLog(new MemoryLogStorage(), SILENT, ALL);
    log.append(entries(1, [1, 1, 1]));
    log.commitTo(toIndex(2));
    expect(() => log.append(entries(2, [2]))).toThrow(RaftInvariantError);
    const first = { index: toIndex(1), term: toTerm(1) };
    expect(() => log.maybeAppend(first, entries(2, [2]), toIndex(0))).toThrow("conflicts with a committed entry");
    expect(() => log.commitTo(toIndex(4))).toThrow("beyond the last index");
    log.commitTo(toIndex(1));
    expect(log.committed).toBe(2);
  });
});

describe("MemoryLogStorage", () => {
  const snapshotAt = (index: number): Parameters<MemoryLogStorage["applySnapshot"]>[0] => {
    return {
      metadata: { index: toIndex(index), term: toTerm(2), confState: EMPTY_CONF_STATE },
      data: new Uint8Array(0),
    };
  };

  it("keeps the term of the entry before its first", () => {
    const storage = new MemoryLogStorage();
    storage.append(entries(1, [1, 1, 2]));
    storage.compact(toIndex(2));
    expect([storage.firstIndex(), storage.lastIndex()]).toEqual([3, 3]);
    expect(storage.term(toIndex(2))).toBe(1);
    expect(() => storage.term(toIndex(1))).toThrow(CompactedError);
    expect(() => storage.term(toIndex(4))).toThrow(UnavailableError);
    expect(() => storage.entries(toIndex(2), toIndex(3), ALL)).toThrow(CompactedError);
    expect(() => storage.compact(toIndex(2))).toThrow(CompactedError);
  });

  it("replaces from the first appended entry on, and refuses a gap", () => {
    const storage = new MemoryLogStorage();
    storage.append(entries(1, [1, 1, 1]));
    storage.append(entries(2, [2]));
    expect(idsOf(storage.entries(toIndex(1), toIndex(3), ALL))).toEqual(["1/1", "2/2"]);
    expect(() => storage.append(entries(4, [2]))).toThrow("missing log entries");
  });

  it("goes on above a snapshot, and refuses an older one", () => {
    const storage = new MemoryLogStorage();
    storage.append(entries(1, [1, 1]));
    storage.applySnapshot(snapshotAt(5));
    expect([storage.firstIndex(), storage.lastIndex(), storage.term(toIndex(5))]).toEqual([6, 5, 2]);
    expect(() => storage.applySnapshot(snapshotAt(5))).toThrow(SnapshotOutOfDateError);
    // What a late append brings from below is skipped.
    storage.append(entries(4, [2, 2, 2]));
    expect(idsOf(storage.entries(toIndex(6), toIndex(7), ALL))).toEqual(["2/6"]);
    expect(storage.createSnapshot(toIndex(6), EMPTY_CONF_STATE, new Uint8Array(0)).metadata.term).toBe(2);
    expect(() => storage.createSnapshot(toIndex(6), EMPTY_CONF_STATE, new Uint8Array(0))).toThrow(
      SnapshotOutOfDateError,
    );
  });
});
