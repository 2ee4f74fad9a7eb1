/** The options of one node, and their checking. */

import { type Index, isLocalTarget, NO_NODE, type NodeId } from "./entry.ts";
import type { LogStorage } from "./log/log-storage.ts";

/** Where the core's log lines go. They tell of elections, membership and snapshots, never of single entries. */
export interface RaftLogger {
  debug(message: string): void;
  info(message: string): void;
  warn(message: string): void;
  error(message: string): void;
}

/** `below(bound)` is a whole number in `[0, bound)`. It decides nothing but how long a node waits before it campaigns. */
export interface RaftRandom {
  below(bound: number): number;
}

/**
 * How reads are made linearizable. Safe: a quorum confirms, after the read arrived, that the leader still leads.
 * Lease-based: the leader trusts that a quorum has heard of it within an election timeout, which clocks can break.
 */
export type ReadOnlyOption = "safe" | "lease-based";

export interface RaftConfig {
  readonly id: NodeId;
  readonly storage: LogStorage;
  readonly random: RaftRandom;
  readonly logger?: RaftLogger;
  /** Ticks without a leader after which a follower campaigns: between this and twice this, drawn anew each time. */
  readonly electionTicks: number;
  /** Ticks between heartbeats. Must be smaller than `electionTicks`. */
  readonly heartbeatTicks: number;
  /** The last index that the state machine has applied, durably with its data. Entries above it are handed out again. */
  readonly applied?: Index;
  /** Durable work travels in `MsgStorageAppend` and `MsgStorageApply`, and there is no `advance()`. */
  readonly asyncStorageWrites?: boolean;
  /** A candidate asks whether it could win before it starts a new term (thesis §9.6). */
  readonly preVote?: boolean;
  /** A leader that hears of no quorum steps down, and who hears of a leader refuses votes (thesis §6.2, §4.2.3). */
  readonly checkQuorum?: boolean;
  /** A leader that applies its own removal or demotion becomes a follower. */
  readonly stepDownOnRemoval?: boolean;
  /**
   * Who refuses a vote tells what it knows to be committed, and the candidate learns from it. Without it a group can be stuck
   * for ever: a leader that removed itself is all that knows of it, may not lead, and has the longer log (etcd #12359).
   * Not in etcd, hence off by default; members with and without it work together.
   */
  readonly commitByVote?: boolean;
  /** Bytes of entries in one `MsgApp`, by `entryBytes`; one entry is always sent. Default: no limit. */
  readonly maxSizePerMessage?: number;
  /** Bytes of entries handed out to be applied and not yet applied. Default: `maxSizePerMessage`. */
  readonly maxCommittedSizePerReady?: number;
  /** Bytes of payload proposed and not yet applied, above which a leader drops proposals. Default: no limit. */
  readonly maxUncommittedEntriesSize?: number;
  /** `MsgApp`s with entries on their way to one follower. */
  readonly maxInflightMessages: number;
  /** Bytes of payload on their way to one follower; the message that passes the limit is still sent. Default: no limit. */
  readonly maxInflightBytes?: number;
  /** A follower drops proposals instead of forwarding them to the leader. */
  readonly disableProposalForwarding?: boolean;
  readonly readOnlyOption?: ReadOnlyOption;
  /** Membership changes enter the log even where the present configuration seems to forbid them. For transcripts only. */
  readonly disableConfChangeValidation?: boolean;
}

/** A configuration with every default filled in. */
export type CompleteRaftConfig = Required<RaftConfig>;

/** A node's options are wrong; the process cannot start with them. */
export class RaftConfigError extends Error {
  override readonly name = "RaftConfigError";
  readonly code = "raft_config";
}

const SILENT: RaftLogger = { debug() {}, info() {}, warn() {}, error() {} };

/** `config` with its defaults. Throws `RaftConfigError` on values that cannot work together. */
export function completeConfig(config: RaftConfig): CompleteRaftConfig {
  const maxSizePerMessage = config.maxSizePerMessage ?? Number.POSITIVE_INFINITY;
  const complete: CompleteRaftConfig = {
    id: config.id,
    storage: config.storage,
    random: config.random,
    logger: config.logger ?? SILENT,
    electionTicks: config.electionTicks,
    heartbeatTicks: config.heartbeatTicks,
    applied: config.applied ?? (0 as Index),
    asyncStorageWrites: config.asyncStorageWrites ?? false,
    preVote: config.preVote ?? false,
    checkQuorum: config.checkQuorum ?? false,
    stepDownOnRemoval: config.stepDownOnRemoval ?? false,
    commitByVote: config.commitByVote ?? false,
    maxSizePerMessage,
    maxCommittedSizePerReady: config.maxCommittedSizePerReady ?? maxSizePerMessage,
    maxUncommittedEntriesSize: config.maxUncommittedEntriesSize ?? Number.POSITIVE_INFINITY,
    maxInflightMessages: config.maxInflightMessages,
    maxInflightBytes: config.maxInflightBytes ?? Number.POSITIVE_INFINITY,
    disableProposalForwarding: config.disableProposalForwarding ?? false,
    readOnlyOption: config.readOnlyOption ?? "safe",
    disableConfChangeValidation: config.disableConfChangeValidation ?? false,
  };
  const wrong = mistake(complete);
  if (wrong !== undefined) throw new RaftConfigError(wrong);
  return complete;
}

function mistake(config: CompleteRaftConfig): string | undefined {
  if (config.id === NO_NODE || !Number.isSafeInteger(config.id) || isLocalTarget(config.id)) {
    return `node id ${config.id} is reserved or out of range`;
  }
  if (!Number.isInteger(config.heartbeatTicks) || config.heartbeatTicks < 1) return "heartbeatTicks must be at least 1";
  if (!Number.isInteger(config.electionTicks) || config.electionTicks <= config.heartbeatTicks) {
    return "electionTicks must be greater than heartbeatTicks";
  }
  if (!(config.maxInflightMessages >= 1)) return "maxInflightMessages must be at least 1";
  if (!(config.maxCommittedSizePerReady > 0)) return "maxCommittedSizePerReady must be greater than 0";
  if (!(config.maxUncommittedEntriesSize > 0)) return "maxUncommittedEntriesSize must be greater than 0";
  if (config.maxInflightBytes < config.maxSizePerMessage) return "maxInflightBytes must be at least maxSizePerMessage";
  if (config.readOnlyOption === "lease-based" && !config.checkQuorum) return "lease-based reads need checkQuorum";
  return undefined;
}
