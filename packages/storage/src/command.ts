/**
 * A command: what one transaction asks of the state machine. It takes effect only if every guard holds, and then whole.
 * Its bytes are in command-codec.ts, its rule in apply.ts.
 */
import type { Revision } from "./revision.ts";

export type Guard =
  /** The row is still the one that was read. */
  | { readonly kind: "point"; readonly key: Uint8Array; readonly revision: Revision }
  /** There is still no such row. */
  | { readonly kind: "absent"; readonly key: Uint8Array }
  /** The entry was proposed in this Raft term. */
  | { readonly kind: "raft-term"; readonly term: number }
  /** The row of `EPOCH_KEY` still has this revision; `ABSENT_REVISION` if it was never written. */
  | { readonly kind: "epoch"; readonly revision: Revision };

export type Mutation =
  | {
      readonly kind: "put";
      readonly key: Uint8Array /** of the data key; 0: in clear */;
      readonly term: number;
      readonly value: Uint8Array;
    }
  | { readonly kind: "delete"; readonly key: Uint8Array };

/** A key is mutated once at most. */
export interface CommandDraft {
  readonly guards: readonly Guard[];
  readonly mutations: readonly Mutation[];
}

/** One start of one worker. */
export interface ProposerId {
  readonly node: number;
  readonly incarnation: number;
}

export interface Command extends CommandDraft {
  readonly version: 1;
  readonly proposer: ProposerId;
  readonly sequence: number;
  /** The lowest sequence of this proposer that is still unanswered. */
  readonly floor: number;
  /** The proposer's wall clock; recorded, never decided on. */
  readonly proposerTimeMs: number;
  /** Of the MAC; 0: none. */
  readonly keyId: number;
  /** 32 bytes; empty where the key id is 0. */
  readonly mac: Uint8Array;
}

/** What the state machine answered; alike on all replicas. */
export type Verdict =
  | { readonly outcome: "applied"; readonly revision: Revision }
  /** `guard`: the position of the first guard that did not hold. */
  | { readonly outcome: "conflict"; readonly guard: number }
  | { readonly outcome: "rejected"; readonly reason: string };
