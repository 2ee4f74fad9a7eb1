import { CompactedError, type Entry, toIndex, toNodeId, toTerm, UnavailableError } from "@strongroom/raft";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { LogTail } from "./log-tail.ts";

const CONF = { voters: [toNodeId(1)], votersOutgoing: [], learners: [], learnersNext: [], autoLeave: false };
const HARD = { term: toTerm(1), vote: toNodeId(0), commit: toIndex(0) };

function entry(index: number, term: number, bytes = 10): Entry {
  return { index: toIndex(index), term: toTerm(term), type: "EntryNormal", data: new Uint8Array(bytes) };
}

function at(index: number, term = 1) {
  return { index: toIndex(index), term: toTerm(term), confState: CONF };
}

function empty(limits: { maxBytes: number; maxEntries: number } = { maxBytes: 1e6, maxEntries: 1e6 }): LogTail {
  return new LogTail({ hardState: HARD, confState: CONF, base: at(0, 0), entries: [] }, limits, at(0, 0));
}

describe("LogTail", () => {
  it("agrees with a plain array under appends that overwrite", () => {
    const step = fc.record({ back: fc.nat(5), count: fc.integer({ min: 1, max: 5 }) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const tail = empty();
        const model: Entry[] = [];
        for (const [term, { back, count }] of steps.entries()) {
          const first = Math.max(1, model.length + 1 - back);
          const entries = Array.from({ length: count }, (_, i) => entry(first + i, term + 1));
          model.splice(first - 1, model.length, ...entries);
          tail.append(entries);
        }
        expect(tail.lastIndex()).toBe(model.length);
        if (model.length > 0) expect(tail.entries(toIndex(1), toIndex(model.length + 1), 1e9)).toEqual(model);
        for (const one of model) expect(tail.term(one.index)).toBe(one.term);
      }),
    );
  });

  it("gives at least one entry, whatever the limit", () => {
    const tail = empty();
    tail.append([entry(1, 1, 5_000), entry(2, 1)]);
    expect(tail.entries(toIndex(1), toIndex(3), 1)).toHaveLength(1);
  });

  it("gives up only what is applied, and keeps the term before its first entry", () => {
    const tail = empty({ maxBytes: 1e6, maxEntries: 10 });
    tail.append(Array.from({ length: 40 }, (_, i) => entry(i + 1, i < 20 ? 1 : 2)));
    tail.setWritten(at(12));
    tail.trim(toIndex(12));
    expect(tail.firstIndex()).toBe(13);
    expect(tail.term(toIndex(12))).toBe(1);
    expect(() => tail.term(toIndex(11))).toThrow(CompactedError);
    expect(() => tail.entries(toIndex(12), toIndex(14), 1e9)).toThrow(CompactedError);
    expect(() => tail.entries(toIndex(41), toIndex(42), 1e9)).toThrow(UnavailableError);
    tail.setWritten(at(40));
    tail.trim(toIndex(40));
    expect(tail.lastIndex() - tail.firstIndex() + 1).toBe(5);
  });

  it("goes on above a snapshot", () => {
    const tail = empty();
    tail.append([entry(1, 1)]);
    tail.reset(at(100, 7));
    expect([tail.firstIndex(), tail.lastIndex(), tail.term(toIndex(100)), tail.bytes]).toEqual([101, 100, 7, 0]);
    tail.append([entry(101, 8)]);
    expect(tail.snapshot().metadata.index).toBe(100);
  });
});
