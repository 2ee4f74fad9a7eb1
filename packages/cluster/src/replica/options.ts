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
