import { describe, expect, it } from "vitest";
import { ReplicaSimulation } from "./replica-simulation.ts";

/** `STRONGROOM_SEED=n` runs that seed only; a failure prints its own. */
const given = process.env["STRONGROOM_SEED"];
const seeds = given === undefined ? [1, 2, 3, 4, 5, 6] : [Number(given)];

describe("whole replicas on virtual time", () => {
  it.each(seeds)("lose nothing, repeat nothing and never read the past (seed %i)", (seed) => {
    const result = new ReplicaSimulation({ seed, nodes: seed % 3 === 0 ? 5 : 3, durationMs: 15_000 }).run();
    expect(result.applied).toBeGreaterThan(100);
    expect(result.reads).toBeGreaterThan(50);
    expect(result.kills).toBeGreaterThan(0);
  });
});
