/** What a replica is made of, and the values that it has by default. */
import type { LogStorage, NodeId, RaftConfig } from "@strongroom/raft";
import type { Random } from "@strongroom/runtime";
import type { Peer } from "../transport/transport.ts";
import type { AuthenticatorGate } from "./authenticator-gate.ts";
import type { LogTailLimits, LogTailStart } from "./log-tail.ts";
import type { ReplicaStateMachine } from "./state-machine.ts";

/** Times are in ticks, or in milliseconds of the clock that `turn` is given. */
export interface ReplicaTimings {
  readonly electionTicks: number;
  readonly heartbeatTicks: number;
  readonly statusTicks: number;
  /** A sealed leader looks for an unsealed successor so often. */
  readonly handoverTicks: number;
  /** A proposal that is not answered for so long is sent again. */
  readonly resendMs: number;
  readonly readRetryMs: number;
}

/** With ticks of `DEFAULT_TICK_MS`: heartbeats every 50 ms, elections after 300 to 600 ms without one. */
export const DEFAULT_TIMINGS: ReplicaTimings = {
  electionTicks: 12,
  heartbeatTicks: 2,
  statusTicks: 8,
  handoverTicks: 40,
  resendMs: 500,
  readRetryMs: 150,
};

export const DEFAULT_TICK_MS = 25;

export interface Pace {
  /** Between a leader's heartbeats. */
  readonly heartbeatMs: number;
  /** The shortest silence of a leader after which a node stands for election; the longest is twice that. */
  readonly electionMs: number;
}

export const DEFAULT_PACE: Pace = { heartbeatMs: 50, electionMs: 300 };

/** A pace in ticks: two a heartbeat. What does not depend on the pace keeps its time. */
export function timingsFor(pace: Pace): { readonly tickMs: number; readonly timings: ReplicaTimings } {
  const tickMs = pace.heartbeatMs / 2;
  const ticks = (timeMs: number): number => Math.max(1, Math.round(timeMs / tickMs));
  const defaultMs = (timeTicks: number): number => timeTicks * DEFAULT_TICK_MS;
  const timings = {
    ...DEFAULT_TIMINGS,
    heartbeatTicks: 2,
    electionTicks: ticks(pace.electionMs),
    statusTicks: ticks(defaultMs(DEFAULT_TIMINGS.statusTicks)),
    handoverTicks: ticks(defaultMs(DEFAULT_TIMINGS.handoverTicks)),
  };
  return { tickMs, timings };
}

export const DEFAULT_TAIL_LIMITS: LogTailLimits = { maxBytes: 64 * 1024 * 1024, maxEntries: 50_000 };

/** Small enough that a restart replays it in a second. */
export const DEFAULT_FLUSH_EVERY_BYTES: number = 64 * 1024 * 1024;

export interface ReplicaOptions {
  readonly id: NodeId;
  /** Undefined until the cluster is initialised. */
  readonly clusterId: () => string | undefined;
  /** Where peers reach this node: `host:port`. */
  readonly clusterAddress: string;
  readonly timings: ReplicaTimings;
  readonly tailLimits: LogTailLimits;
  /** Appended bytes after which the table is flushed and the WAL cut. */
  readonly flushEveryBytes: number;
  /** Peers' addresses known from joining. */
  readonly seeds: readonly Peer[];
  readonly supportedVersion: number;
}

/** What recovery found, and the parts that are the outside's. */
export interface ReplicaParts {
  readonly log: LogTailStart;
  readonly state: ReplicaStateMachine;
  readonly generation: string;
  /** Ids of removed nodes, as the state has them. */
  readonly removed: readonly NodeId[];
  readonly gate: AuthenticatorGate;
  readonly random: Random;
}

const MIB = 1024 * 1024;

/** PreVote, CheckQuorum and StepDownOnRemoval are no options: a cluster that mixes them, or does without, loses its leader. */
export function raftConfig(options: ReplicaOptions, parts: ReplicaParts, storage: LogStorage): RaftConfig {
  return {
    id: options.id,
    storage,
    random: parts.random,
    electionTicks: options.timings.electionTicks,
    heartbeatTicks: options.timings.heartbeatTicks,
    applied: parts.state.appliedIndex,
    asyncStorageWrites: true,
    preVote: true,
    checkQuorum: true,
    stepDownOnRemoval: true,
    commitByVote: true,
    maxSizePerMessage: MIB,
    maxCommittedSizePerReady: 4 * MIB,
    maxUncommittedEntriesSize: 64 * MIB,
    maxInflightMessages: 256,
    maxInflightBytes: 32 * MIB,
    disableProposalForwarding: true,
    readOnlyOption: "safe",
  };
}
