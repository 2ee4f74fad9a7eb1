import { describe, expect, it } from "vitest";
import { judgeKey, type RegisterOperation } from "./key-verdict.ts";

let now = 0;
const times = () => ({ client: "c", callAt: now++, returnAt: now++ });
const wrote = (value: string, version: number): RegisterOperation => ({
  input: { type: "write", value, cas: undefined },
  output: { type: "written", version },
  ...times(),
});
const unanswered = (value: string): RegisterOperation => ({
  ...wrote(value, 0),
  output: undefined,
  returnAt: Number.POSITIVE_INFINITY,
});
const read = (value: string | undefined, version: number): RegisterOperation => ({
  input: { type: "read" },
  output: { type: "read", version, value },
  ...times(),
});
const judge = (operations: readonly RegisterOperation[], values: readonly string[], refused: readonly string[] = []) =>
  judgeKey(operations, values, { refused: new Set(refused), nowAt: now++ });

const NOTHING_WRONG = { lost: [], duplicated: [], unasked: [], illegal: [], undecided: [] };

describe("a key's verdict", () => {
  it("finds nothing wrong with what was told and is there, unanswered writes at their place or nowhere", () => {
    const operations = [wrote("a", 1), unanswered("b"), unanswered("c"), read("b", 2), wrote("d", 3)];
    expect(judge(operations, ["a", "b", "d"])).toEqual(NOTHING_WRONG);
  });

  it("finds an acknowledged write that is gone or elsewhere", () => {
    expect(judge([wrote("a", 1), wrote("b", 2)], ["a"]).lost).toEqual([
      "b was acknowledged as version 2 and is nowhere",
    ]);
    expect(judge([wrote("a", 1), wrote("b", 2)], ["b", "a"]).lost).toHaveLength(2);
  });

  it("finds a write that took effect twice", () => {
    expect(judge([wrote("a", 1)], ["a", "a"]).duplicated).toEqual(["a is version 1 and 2"]);
    const unknownTwice = judge([unanswered("a")], ["a", "a"]);
    expect(unknownTwice.duplicated).toHaveLength(1);
    expect(unknownTwice.illegal).toHaveLength(1);
  });

  it("finds what was refused, and what nobody wrote", () => {
    const mismatch = { ...wrote("c", 0), output: { type: "mismatch" } as const };
    expect(judge([mismatch], ["a", "b", "c"], ["a"]).unasked).toEqual([
      "a at version 1, whose write was refused",
      "b at version 2, which nobody wrote",
      "c at version 3, a cas mismatch",
    ]);
  });

  it("finds a stale read, though the end is as it should be", () => {
    const stale = judge([wrote("a", 1), wrote("b", 2), read("a", 1)], ["a", "b"]);
    expect(stale).toMatchObject({ ...NOTHING_WRONG, illegal: [expect.stringContaining("read -> version 1 a")] });
  });
});
