/**
 * How one run differs from another: size, limits, speeds, and which faults there are at all. Each run has only some of them,
 * since faults that are always there hide each other. All zeros: three nodes, ordinary limits, no trouble.
 */
import type { Choices } from "./choices.ts";

const NEMESIS_ACTS = [
  "kill",
  "power loss",
  "all lose power",
  "die amid effects",
  "die amid disk work",
  "die amid recovery",
  "full disk",
  "failing sync",
  "slow disk",
  "pause",
  "suspend",
  "isolate",
  "one-way cut",
  "partition",
  "reset",
  "heal",
  "wall clock jump",
  "transfer",
  "worker restart",
  "seal",
  "rot in the log",
  "rot in the state",
] as const;

export type NemesisAct = (typeof NEMESIS_ACTS)[number];

export interface ReplicaSwarm {
  readonly voters: number;
  /** Nodes that are no members at first. */
  readonly spares: number;
  /** Where the log begins. */
  readonly firstIndex: number;
  readonly workers: number;
  /** Mean time between things that clients do, and between those that the nemesis does. */
  readonly clientMs: number;
  readonly nemesisMs: number;
  /** The nemesis draws from these. */
  readonly acts: readonly NemesisAct[];
  readonly lossPercent: number;
  readonly maxDelayMs: number;
  readonly maxTurnMs: number;
  readonly maxSyncMs: number;
  readonly maxWriteMs: number;
  readonly maxFlushMs: number;
  readonly maxSnapshotMs: number;
  readonly snapshotLossPercent: number;
  /** How far wall clocks are off at most, and how much faster than each other monotonic clocks run, in percent. */
  readonly maxSkewMs: number;
  readonly maxDriftPercent: number;
  readonly membershipPercent: number;
  readonly keyringPercent: number;
  readonly maxValueBytes: number;
  readonly tailEntries: number;
  readonly tailBytes: number;
  readonly flushEveryBytes: number;
  readonly segmentBytes: number;
}

const VOTERS = [3, 3, 3, 5, 3, 5, 1, 2, 4, 7];
/** Milestones lie at multiples of 1,024. */
const FIRST_INDICES = [1, 1, 1000, 1010, 2030];

export function drawReplicaSwarm(choices: Choices): ReplicaSwarm {
  const acts = NEMESIS_ACTS.filter(() => choices.chance(40)).flatMap((act) =>
    Array.from({ length: 1 + choices.below(3) }, () => act),
  );
  const membershipPercent = choices.some(45, 8);
  const tight = choices.chance(50);
  return {
    voters: choices.pick(VOTERS),
    spares: membershipPercent > 0 ? 1 + choices.below(3) : 0,
    firstIndex: choices.pick(FIRST_INDICES),
    workers: 1 + choices.below(2),
    clientMs: choices.pick([8, 3, 20, 60]),
    nemesisMs: choices.pick([700, 250, 2_000]),
    acts,
    lossPercent: choices.some(50, 20),
    maxDelayMs: choices.pick([1, 5, 20, 60, 150]),
    maxTurnMs: choices.pick([0, 0, 1, 10]),
    maxSyncMs: choices.pick([1, 3, 20, 100]),
    maxWriteMs: choices.pick([1, 3, 40]),
    maxFlushMs: choices.pick([5, 50, 400]),
    maxSnapshotMs: choices.pick([50, 200, 2_000]),
    snapshotLossPercent: choices.some(50, 60),
    maxSkewMs: choices.some(40, 4_000),
    maxDriftPercent: choices.some(40, 5),
    membershipPercent,
    keyringPercent: choices.some(30, 3),
    maxValueBytes: choices.pick([40, 400, 4_000]),
    tailEntries: tight ? 2 + choices.below(60) : 5_000,
    tailBytes: tight ? 1_024 * (1 + choices.below(48)) : 1 << 20,
    flushEveryBytes: tight ? 1_024 * (1 + choices.below(16)) : 1 << 18,
    segmentBytes: tight ? 4_096 * (1 + choices.below(8)) : 1 << 16,
  };
}
