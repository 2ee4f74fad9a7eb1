/**
 * `simulate.ts raft|replica`: the simulator as a detector. Runs seeds until one breaks a law, says which, and ends with
 * `NOTICED`; or with 0 if none does.
 */

import { runSeed } from "../simulation/run.ts";
import type { SimulationName } from "./mutant.ts";

/** Even seeds are bare groups, odd ones whole replicas. Enough for every mutant; only the sound program runs them all. */
const RUNS: Readonly<
  Record<SimulationName, { readonly first: number; readonly seeds: number; readonly events: number }>
> = {
  raft: { first: 2, seeds: 2_000, events: 7_200 },
  replica: { first: 1, seeds: 60, events: 21_000 },
};

/** The exit code of a run that broke a law; a run that could not start has another. */
const NOTICED = 3;

function main(name: string | undefined): number {
  const { first, seeds, events } = RUNS[name as SimulationName];
  for (let seed = first; seed < first + 2 * seeds; seed += 2) {
    const { violation } = runSeed(seed, { events });
    if (violation === undefined) continue;
    process.stdout.write(`seed ${seed}: ${violation.split("\n")[0]}\n`);
    return NOTICED;
  }
  return 0;
}

process.exitCode = main(process.argv[2]);
