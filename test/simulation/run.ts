/**
 * One seed, one run, one verdict: what the command line, the suite and anybody who wants to know whether a change of the
 * product is noticed call. Even seeds run a bare Raft group, odd ones whole replicas.
 */
import { Choices } from "./choices.ts";
import { RaftSimulation } from "./raft-simulation.ts";
import { ReplicaSimulation } from "./replica-simulation.ts";
import { shrink } from "./shrink.ts";
import type { Tally } from "./tally.ts";
import type { Transcript } from "./transcript.ts";
import { lawOf } from "./violation.ts";
import type { VirtualTime } from "./virtual-time.ts";

export interface RunOptions {
  /** How many events of virtual time the trouble lasts; recovery comes on top. */
  readonly events: number;
  /** At the end only a majority is healed, and has to go on without the others. */
  readonly liveness?: boolean;
  /** Disks of replicas say that they have synced and have not: for tests of this simulator, which must notice. */
  readonly lyingDisks?: boolean;
}

export interface SimulationOptions extends RunOptions {
  readonly choices: Choices;
  /** Somebody is going to read what happened. */
  readonly transcribed: boolean;
}

export type World = "group" | "replicas";

export interface RunResult {
  readonly seed: number;
  readonly world: World;
  readonly events: number;
  /** Which law was broken, or what the product threw. */
  readonly violation?: string;
  /** The same for all violations of one law. */
  readonly law?: string;
  readonly marks: ReadonlyMap<string, number>;
  readonly faults: ReadonlyMap<string, number>;
  /** Of calm until recovery, in the world's own time: ticks of a group, milliseconds of replicas. */
  readonly calm: number;
}

/** A violation as it can be understood. */
export interface Failure {
  readonly violation: string;
  /** The choices that lead to it; all later ones are zero. */
  readonly choices: readonly number[];
  readonly transcript: readonly string[];
}

interface Simulation {
  readonly tally: Tally;
  readonly time: VirtualTime;
  readonly transcript: Transcript | undefined;
  readonly calm: number;
  run(): void;
}

interface Outcome {
  readonly simulation: Simulation;
  readonly error?: unknown;
}

const SHRINKING_RUNS = 1_500;
/** A group's events are so much smaller. */
const GROUP_FACTOR = 2;
const LENGTHS = [20_000, 5_000, 20_000, 10_000, 40_000];

export function worldOf(seed: number): World {
  return seed % 2 === 0 ? "group" : "replicas";
}

/** How long the trouble of a seed lasts, in events, where nobody says otherwise. */
export function lengthOf(seed: number): number {
  const length = LENGTHS[(seed >> 1) % LENGTHS.length] as number;
  return worldOf(seed) === "group" ? GROUP_FACTOR * length : length;
}

/** Never throws: whatever comes out of the product is a violation. */
export function runSeed(seed: number, options: RunOptions): RunResult {
  const world = worldOf(seed);
  const { simulation, error } = simulate(world, Choices.seeded(seed), options, false);
  const { time, tally, calm } = simulation;
  const result: RunResult = { seed, world, events: time.events, marks: tally.marks, faults: tally.faults, calm };
  return error === undefined ? result : { ...result, violation: messageOf(error), law: lawOf(error) };
}

/** Shrinks the violation of a seed that has one, and tells how it comes about. The same each time. */
export function explainSeed(seed: number, options: RunOptions, maxRuns: number = SHRINKING_RUNS): Failure {
  const world = worldOf(seed);
  const recorded: number[] = [];
  const first = simulate(world, Choices.seeded(seed, recorded), options, false);
  const law = lawOf(first.error);
  // What the first choice is of: how long the trouble lasts. The sooner it ends, the shorter the story.
  const lasting = Math.min(options.events, first.simulation.time.events);
  const play = ([events = 0, ...choices]: readonly number[], transcribed: boolean): Outcome =>
    simulate(world, Choices.given(choices), { ...options, events }, transcribed);
  const fails = (candidate: readonly number[]): boolean => {
    const { error } = play(candidate, false);
    return error !== undefined && lawOf(error) === law;
  };
  const [events = 0, ...choices] = shrink([lasting, ...recorded], fails, maxRuns);
  const { simulation, error } = play([events, ...choices], true);
  return { violation: messageOf(error), choices, transcript: simulation.transcript?.lines ?? [] };
}

function simulate(world: World, choices: Choices, options: RunOptions, transcribed: boolean): Outcome {
  const complete: SimulationOptions = { ...options, choices, transcribed };
  const simulation: Simulation = world === "group" ? new RaftSimulation(complete) : new ReplicaSimulation(complete);
  try {
    simulation.run();
    return { simulation };
  } catch (error) {
    return { simulation, error };
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
