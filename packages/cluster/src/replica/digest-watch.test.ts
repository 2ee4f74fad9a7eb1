import { describe, expect, it } from "vitest";
import { DigestWatch } from "./digest-watch.ts";

const VOTERS = [1, 2, 3];
const A = Uint8Array.of(1);
const B = Uint8Array.of(2);
const C = Uint8Array.of(3);

function watch(reports: readonly [number, Uint8Array][]): DigestWatch {
  const made = new DigestWatch();
  for (const [node, digest] of reports) made.report(node, 1_024, digest);
  return made;
}

describe("DigestWatch", () => {
  it("has nothing to say while voters agree", () => {
    expect(
      watch([
        [1, A],
        [2, A],
        [3, A],
      ]).judge(1_024, VOTERS),
    ).toBeUndefined();
  });

  it("convicts the one that differs from a strict majority", () => {
    const judgement = watch([
      [1, A],
      [2, B],
      [3, A],
    ]).judge(1_024, VOTERS);
    expect(judgement).toEqual({ type: "convicted", index: 1_024, nodes: [2] });
  });

  it("convicts nobody by half of the voters", () => {
    expect(
      watch([
        [1, A],
        [2, B],
      ]).judge(1_024, VOTERS),
    ).toBeUndefined();
    expect(
      watch([
        [1, A],
        [2, B],
      ]).judge(1_024, [1, 2]),
    ).toEqual({ type: "split", index: 1_024 });
    expect(
      watch([
        [1, A],
        [2, B],
        [3, C],
      ]).judge(1_024, VOTERS),
    ).toEqual({ type: "split", index: 1_024 });
  });

  it("counts no learner for a majority, and convicts one that differs from it", () => {
    const made = watch([
      [8, B],
      [9, B],
      [1, A],
    ]);
    expect(made.judge(1_024, VOTERS)).toBeUndefined();
    made.report(2, 1_024, A);
    expect(made.judge(1_024, VOTERS)).toEqual({ type: "convicted", index: 1_024, nodes: [8, 9] });
  });

  it("takes a node's newest word, and hears no news in the same word again", () => {
    const made = watch([
      [1, A],
      [2, A],
      [3, A],
    ]);
    expect(made.report(2, 1_024, A)).toBe(false);
    expect(made.report(2, 1_024, B)).toBe(true);
    expect(made.judge(1_024, VOTERS)).toEqual({ type: "convicted", index: 1_024, nodes: [2] });
  });

  it("remembers the newest indices only", () => {
    const made = new DigestWatch();
    for (let i = 1; i <= 20; i++) made.report(1, i * 1_024, A);
    expect(made.report(2, 1_024, B)).toBe(false);
    expect(made.report(2, 20 * 1_024, B)).toBe(true);
  });
});
