/** What a node wants done: the one thing that comes out of it. */

import type { Entry, HardState, Index, NodeId, Snapshot } from "./entry.ts";
import type { Message } from "./message.ts";

export type StateType = "StateFollower" | "StatePreCandidate" | "StateCandidate" | "StateLeader";

/** Who leads, as far as this node knows, and what it is itself. Not stored. */
export interface SoftState {
  readonly lead: NodeId;
  readonly state: StateType;
}

/** A read that was asked for with `context` is linearizable once the state machine has applied up to `index`. */
export interface ReadState {
  readonly index: Index;
  readonly context: number;
}

/**
 * One batch of work. In async mode a driver needs only `softState`, `readStates` and `messages`: what must become durable
 * or be applied travels in `MsgStorageAppend` and `MsgStorageApply` among the messages, and the other messages may be sent at
 * once. In sync mode: store `entries`, `hardState` and `snapshot` first (with a sync if `mustSync`), then send
 * `messages`, apply `committedEntries`, and call `advance()`.
 */
export interface Ready {
  readonly softState: SoftState | undefined;
  readonly hardState: HardState | undefined;
  readonly readStates: readonly ReadState[];
  readonly entries: readonly Entry[];
  readonly snapshot: Snapshot | undefined;
  readonly committedEntries: readonly Entry[];
  readonly messages: readonly Message[];
  readonly mustSync: boolean;
}
