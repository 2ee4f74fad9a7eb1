/**
 * The protocol between a request worker and its node's replica. Each side posts one array of messages a turn. Order
 * carries meaning in one direction: a worker hears of the keys that a group changed before it hears the group's
 * verdicts, and of a new generation before anything that was applied on top of it.
 */
import type { ConfChangeV2 } from "@strongroom/raft";
import type { Verdict } from "@strongroom/storage";
import type { Milestone } from "../state/types.ts";
import type { DropReason } from "../transport/message.ts";
import type { ClusterStatus, StateDigest } from "./cluster-status.ts";

/** Byte strings in one buffer: u32 length, bytes, again. */
type Packed = Uint8Array;

/** Durations, never deadlines, pass between threads: each thread's monotonic clock has an origin of its own. */
export type WorkerToReplica =
  /** `sizes[i]` bytes of `packed` are the command of `sequences[i]`, which gives up after `timeoutsMs[i]`. */
  | {
      readonly type: "propose";
      readonly sequences: readonly number[];
      readonly timeoutsMs: readonly number[];
      readonly sizes: readonly number[];
      readonly packed: Uint8Array;
    }
  | {
      readonly type: "propose-membership";
      readonly sequence: number;
      readonly timeoutMs: number;
      readonly change: ConfChangeV2;
    }
  /** Asks for a read index; one a turn. */
  | { readonly type: "read"; readonly id: number }
  /** The worker has let go of every table older than this generation. */
  | { readonly type: "generation-opened"; readonly generation: string }
  | { readonly type: "control"; readonly id: number; readonly request: ControlRequest }
  | {
      readonly type: "call";
      readonly id: number;
      readonly to: CallTarget;
      readonly method: string;
      readonly payload: Uint8Array;
      readonly timeoutMs: number;
    }
  | { readonly type: "serve"; readonly method: string }
  | { readonly type: "served"; readonly id: number; readonly outcome: CallOutcome };

export type ReplicaToWorker =
  /** First message of all. The worker's proposer is (nodeId, incarnation); `alive` are its node's that it is to list when it registers. */
  | {
      readonly type: "attached";
      readonly nodeId: number;
      readonly incarnation: number;
      readonly alive: readonly number[];
      readonly generation: string;
      readonly index: number;
    }
  /** The groups up to `index` are in the table; `keys` are those that they changed. */
  | { readonly type: "applied"; readonly index: number; readonly logTimeMs: number; readonly keys: Packed }
  /** The state is another one: empty every cache, open the table of this name, then go on. */
  | { readonly type: "generation"; readonly generation: string; readonly index: number; readonly logTimeMs: number }
  /** The usual verdict, as plain numbers, which are copied between threads for little: applied at (index, position). */
  | {
      readonly type: "committed";
      readonly sequences: readonly number[];
      readonly indices: readonly number[];
      readonly positions: readonly number[];
    }
  /** All other verdicts. */
  | { readonly type: "verdicts"; readonly sequences: readonly number[]; readonly verdicts: readonly Verdict[] }
  /** Final: it never was and never will be committed. */
  | { readonly type: "not-committed"; readonly sequences: readonly number[]; readonly reason: NotCommittedReason }
  /** Its time is over and nobody knows. It is not sent again; its end may follow. */
  | { readonly type: "unknown"; readonly sequences: readonly number[] }
  /** The leader refused it for good and an earlier leader may have taken it: a command with a higher floor will tell. */
  | { readonly type: "given-up"; readonly sequences: readonly number[] }
  | { readonly type: "read-index"; readonly id: number; readonly index: number }
  | { readonly type: "leader"; readonly leaderId: number; readonly term: number }
  | { readonly type: "control-reply"; readonly id: number; readonly reply: ControlReply }
  | { readonly type: "call-reply"; readonly id: number; readonly outcome: CallOutcome }
  | {
      readonly type: "serve-call";
      readonly id: number;
      readonly method: string;
      readonly payload: Uint8Array;
      readonly callerNodeId: number | undefined;
      readonly remoteAddress: string;
    };

export type NotCommittedReason = DropReason | "no-leader";

export type CallTarget = number | { readonly address: string; readonly caFingerprint: string };

export type CallOutcome =
  | { readonly ok: true; readonly payload: Uint8Array }
  | { readonly ok: false; readonly code: string; readonly message: string };

export type ControlRequest =
  | { readonly type: "status" }
  | { readonly type: "transfer-leadership"; readonly to: number }
  | { readonly type: "digest" }
  /**
   * `proving`: a sealed node applies up to the index `upTo`, or no further than it has, and then nothing more, so that what it
   * holds can be looked into; the answer names the index. `unproven` ends that. `open`: the state at `provenIndex` is proven
   * (`origin`: by another member, as the row that says so), and MAC keys of the keyring applied at `keyringIndex` are
   * published. `sealed`: ends verification; the answer means it has ended.
   */
  | { readonly type: "authenticator"; readonly state: "proving"; readonly upTo: number }
  | { readonly type: "authenticator"; readonly state: "unproven" }
  | {
      readonly type: "authenticator";
      readonly state: "open";
      readonly keyringIndex: number;
      readonly provenIndex: number;
      readonly origin?: Uint8Array;
    }
  | { readonly type: "authenticator"; readonly state: "sealed" }
  /** The newest milestone that most voters have come to alike. */
  | { readonly type: "milestone" }
  /** The state is not what it should be: the node ends and does not come back by itself. */
  | { readonly type: "quarantine"; readonly reason: string };

export type ControlReply =
  | {
      readonly ok: true;
      readonly status?: ClusterStatus;
      /** Where applying stands still. */
      readonly index?: number;
      readonly milestone?: Milestone;
      readonly digest?: StateDigest;
    }
  | { readonly ok: false; readonly code: string; readonly message: string };
