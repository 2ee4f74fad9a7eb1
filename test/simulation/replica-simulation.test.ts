import { describe, expect, it } from "vitest";
import { runSeed } from "./run.ts";

/** `STRONGROOM_SEED=n` runs that seed only; a failure prints its own. */
const given = process.env["STRONGROOM_SEED"];
const seeds = given === undefined ? [1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23] : [Number(given)];

describe("whole replicas on virtual time", () => {
  it.each(seeds)("lose nothing, repeat nothing and never read the past (seed %i)", (seed) => {
    expect(runSeed(seed, { events: 10_000 }).violation).toBeUndefined();
  });
});
