import { drawNodeId } from "@strongroom/cluster";
import { RaftInvariantError, toIndex, toNodeId, toTerm } from "@strongroom/raft";
import { nodeEntropy } from "@strongroom/runtime/node";
import { expect, it } from "vitest";

it("indices, terms and node ids are safe integers or a broken invariant", () => {
  for (const make of [toIndex, toTerm, toNodeId]) {
    for (const bad of [-1, 0.5, 2 ** 53, Number.NaN, Number.POSITIVE_INFINITY])
      expect(() => make(bad)).toThrow(RaftInvariantError);
    for (const good of [0, 1, Number.MAX_SAFE_INTEGER]) expect(make(good)).toBe(good);
  }
  for (let i = 0; i < 1_000; i++) expect(toNodeId(drawNodeId(nodeEntropy))).toBeGreaterThan(0);
});
