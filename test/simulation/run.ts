/**
 * One seed, one run, one verdict: what the command line, the suite and anybody who wants to know whether a change of the
 * product is noticed call. Even seeds run a bare Raft group, odd ones whole replicas.
 */
import { runRaftSimulation } from "./raft-simulation.ts";
import { ReplicaSimulation } from "./replica-simulation.ts";

export interface RunOptions {
  /** About how many events of virtual time the trouble lasts; recovery comes on top. */
  readonly events: number;
}

export interface RunResult {
  readonly seed: number;
  readonly events: number;
  /** Which law was broken, or what the product threw. */
  readonly violation?: string;
}

const EVENTS_PER_TICK = 18;
const EVENTS_PER_MS = 1.4;

/** Never throws: whatever comes out of the product is a violation. */
export function runSeed(seed: number, { events }: RunOptions): RunResult {
  try {
    if (seed % 2 === 0) {
      const result = runRaftSimulation({ seed, ticks: Math.ceil(events / EVENTS_PER_TICK) });
      return { seed, events: result.events };
    }
    const durationMs = Math.ceil(events / EVENTS_PER_MS);
    const result = new ReplicaSimulation({ seed, nodes: seed % 3 === 0 ? 5 : 3, durationMs }).run();
    return { seed, events: result.events };
  } catch (error) {
    return { seed, events: 0, violation: error instanceof Error ? error.message : String(error) };
  }
}
