/**
 * What the driver sees of the state machine: committed entries go in, the writes of one batch and all that others must hear
 * of it come out. Nothing here waits, and nothing here differs between two nodes that apply the same entries.
 */
import type { ConfChangeV2, ConfState, Entry, Index } from "@strongroom/raft";
import type { Command, ProposerId, TableOp, Verdict } from "@strongroom/storage";

/** The state as the last written batch left it. */
export interface RowReader {
  getSync(key: Uint8Array): Uint8Array | undefined;
}

/** The end of one command, told once by each node that applies it, and again for a duplicate. */
export interface AppliedVerdict {
  readonly proposer: ProposerId;
  readonly sequence: number;
  readonly verdict: Verdict;
  /** Of the entry that brought it. */
  readonly index: Index;
}

/** A membership entry as applied: `change` is the empty change if the command was rejected. */
export interface AppliedMembership {
  readonly index: Index;
  readonly change: ConfChangeV2;
  readonly confState: ConfState;
  readonly accepted: boolean;
}

/** What this replica holds after the entry at `index`, 32 bytes each: alike on all replicas. */
export interface Milestone {
  readonly index: Index;
  /** The link of the entry chain. */
  readonly chain: Uint8Array;
  /** Over all replicated rows. */
  readonly digest: Uint8Array;
  /** Over the proposer table. */
  readonly proposersHash: Uint8Array;
}

/** An entry of commands whose every MAC was checked, by this process and over the same bytes. */
export interface VerifiedEntry {
  readonly logTimeMs: number;
  /** By position; their keys and values are views into the entry's data. */
  readonly commands: readonly Command[];
}

export interface ApplyContext {
  /** `RawNode.applyConfChange`: called once for each conf-change entry, at its place in the order. */
  applyConfChange(change: ConfChangeV2): ConfState;
  /** What this process read from the entry and found authentic before it stored it; undefined if it did not. */
  takeVerified?(entry: Entry): VerifiedEntry | undefined;
}

export interface ApplyResult {
  /** How many of the given entries were applied: fewer than given only after one that changed the keyring. */
  readonly consumed: number;
  /** One atomic batch, the replica's own row included. Call `StateMachine.written` when the table has it. */
  readonly writes: readonly TableOp[];
  readonly verdicts: readonly AppliedVerdict[];
  /** Keys of replicated rows that changed, each once. */
  readonly changedKeys: readonly Uint8Array[];
  readonly membership: readonly AppliedMembership[];
  /** The last consumed entry changed the keyring: an unsealed node applies no more until its new MAC keys are published. */
  readonly keyringChanged: boolean;
  /** Of the applied entries whose index is a multiple of 1,024. */
  readonly milestones: readonly Milestone[];
  readonly appliedIndex: Index;
  /** Of the newest signed checkpoint; 0 without one. */
  readonly checkpointIndex: Index;
  readonly logTimeMs: number;
}
