/**
 * One seed, one run, one verdict: what the command line, the suite and anybody who wants to know whether a change of the
 * product is noticed call. Even seeds run a bare Raft group, odd ones whole replicas.
 */
import { Choices } from "./choices.ts";
import { runRaftSimulation } from "./raft-simulation.ts";
import { ReplicaSimulation } from "./replica-simulation.ts";
import { lawOf } from "./violation.ts";

export interface RunOptions {
  /** How many events of virtual time the trouble lasts; recovery comes on top. */
  readonly events: number;
  /** At the end only a majority is healed, and has to go on without the others. */
  readonly liveness?: boolean;
}

export interface RunResult {
  readonly seed: number;
  readonly events: number;
  /** Which law was broken, or what the product threw. */
  readonly violation?: string;
  /** The same for all violations of one law. */
  readonly law?: string;
  readonly marks: ReadonlyMap<string, number>;
  readonly faults: ReadonlyMap<string, number>;
  /** Virtual milliseconds until the cluster was at rest. */
  readonly calmMs: number;
}

const EVENTS_PER_TICK = 18;

/** Never throws: whatever comes out of the product is a violation. */
export function runSeed(seed: number, options: RunOptions): RunResult {
  if (seed % 2 === 0) return runGroup(seed, options);
  return run(seed, Choices.seeded(seed), options);
}

function runGroup(seed: number, { events }: RunOptions): RunResult {
  const empty = { seed, marks: new Map<string, number>(), faults: new Map<string, number>(), calmMs: 0 };
  try {
    const { events: passed, marks } = runRaftSimulation({ seed, ticks: Math.ceil(events / EVENTS_PER_TICK) });
    return { ...empty, events: passed, marks };
  } catch (error) {
    return {
      ...empty,
      events: 0,
      violation: error instanceof Error ? error.message : String(error),
      law: lawOf(error),
    };
  }
}

function run(seed: number, choices: Choices, { events, liveness = false }: RunOptions): RunResult {
  const simulation = new ReplicaSimulation({ choices, events, liveness, transcribed: false });
  const result = (): RunResult => ({
    seed,
    events: simulation.time.events,
    marks: simulation.tally.marks,
    faults: simulation.tally.faults,
    calmMs: simulation.calmMs,
  });
  try {
    simulation.run();
    return result();
  } catch (error) {
    return { ...result(), violation: error instanceof Error ? error.message : String(error), law: lawOf(error) };
  }
}
