/**
 * What two replicas say to each other: raft's own messages, and the few of the drivers. Every frame carries its
 * sender's wall clock beside them; that clock, not anything in here, is what skew is judged by (the clock of a proposal's
 * frame is the proposer's, since a node sends only its own workers' proposals).
 */
import type { Message } from "@strongroom/raft";

/** A proposal by name: the node is the one that proposed it. */
export interface ProposalId {
  readonly incarnation: number;
  readonly sequence: number;
}

/**
 * Why a leader (or a node that is none) did not append a proposal. Each of them promises that this sending of it was
 * not and will not be appended.
 */
export type DropReason =
  | "not-leader"
  | "transferring"
  | "busy"
  | "clock-skew"
  | "conf-change-refused"
  | "unauthentic"
  | "disk-full";

/** Encoded commands for the leader to pack and append. `batch` names this sending; a resend has a new number. */
export interface ProposeMessage {
  readonly type: "propose";
  readonly batch: number;
  readonly commands: readonly Uint8Array[];
}

/** One membership change for the leader: an encoded `ConfChangeV2` whose context is exactly one encoded command. */
export interface ProposeMembershipMessage {
  readonly type: "propose-membership";
  readonly batch: number;
  readonly change: Uint8Array;
}

/** The answer to the one sending named by `batch`; commands that are not listed were appended or will be. */
export interface ProposalDroppedMessage {
  readonly type: "proposal-dropped";
  readonly batch: number;
  readonly reason: DropReason;
  readonly proposals: readonly ProposalId[];
}

/** What a node says of itself, to each peer, a few times a second and at each change. */
export interface NodeStatusMessage {
  readonly type: "node-status";
  /** Where it listens for peers (`host:port`): a node that is behind may not have read its row yet. */
  readonly clusterAddress: string;
  readonly sealed: boolean;
  /** Its disk is nearly full. */
  readonly diskLow: boolean;
  readonly appliedIndex: number;
  /** Formats this node's software can read: the highest cluster version. */
  readonly supportedVersion: number;
  /** Digest of all rows at `digestIndex` (a multiple of 1,024, or 0: none yet), 32 bytes or empty. */
  readonly digestIndex: number;
  readonly digest: Uint8Array;
}

export type DriverMessage = ProposeMessage | ProposeMembershipMessage | ProposalDroppedMessage | NodeStatusMessage;

export type PeerMessage = Message | DriverMessage;

/** Raft's messages are named as etcd names them, the drivers' in lower case. */
export function isDriverMessage(message: PeerMessage): message is DriverMessage {
  return !message.type.startsWith("Msg");
}
