/** What a replica needs of its state machine; `StateMachine` of `state/` is one. */
import type { ConfState, Entry, Index, NodeId, SnapshotMetadata, Term } from "@strongroom/raft";
import type { Command, ProposerId, Verdict } from "@strongroom/storage";
import type { ApplyContext, ApplyResult, Milestone } from "../state/types.ts";

export interface ReplicaStateMachine {
  /** As of the last `apply`, which the table may not have yet. */
  readonly appliedIndex: Index;
  readonly appliedTerm: Term;
  readonly confState: ConfState;
  readonly logTimeMs: number;
  /** What the state is after the entry at `appliedIndex`. */
  milestone(): Milestone;
  /** What all members understand. */
  readonly clusterVersion: number;
  /** The latest ones, oldest first. */
  readonly milestones: readonly Milestone[];
  /** Of the newest signed checkpoint; 0 without one. */
  readonly checkpointIndex: Index;
  apply(entries: readonly Entry[], context: ApplyContext): ApplyResult;
  /** The oldest batch that `apply` returned and that was not told of yet is in the table. */
  written(): void;
  /** The end of a command that the proposer table still holds. */
  verdict(proposer: ProposerId, sequence: number): Verdict | undefined;
  /** Below it no command of the proposer is run, and no verdict held; above all of a proposer that is not known. */
  floor(proposer: ProposerId): number;
  /** Whether the state would take this command without a MAC. */
  unsignedAllowed(command: Command): boolean;
  /** The newest value of a row, batches under way included. */
  get(key: Uint8Array): Uint8Array | undefined;
}

/** A snapshot that a peer streamed, whole and durable in a generation of its own. */
export interface ReceivedGeneration {
  readonly from: NodeId;
  /** The sender's term when it decided to send. */
  readonly term: Term;
  readonly metadata: SnapshotMetadata;
  readonly generation: string;
  /** On the new table. */
  readonly state: ReplicaStateMachine;
  /** Nobody here could check its MAC: a node that is open by now does not want it. */
  readonly unverified?: boolean;
  /** Ids of the removed nodes, as the new state has them. */
  readonly removed: readonly NodeId[];
}
