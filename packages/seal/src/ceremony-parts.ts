/** What a ceremony needs from the node it runs on. */
import type { Clock, Entropy, Logger, Timers } from "@strongroom/runtime";
import type { CeremonyMember } from "./member-proof.ts";
import type { KeyWrap } from "./seal-record.ts";

/** The one method that members serve for each other; the request says what it is about. */
export const CEREMONY_METHOD = "ceremony";

/** Calls to other members over mutually authenticated connections. */
export interface CeremonyPeers {
  /** Settles within seconds: rejects when the member is unreachable or does not answer. */
  call(nodeId: number, method: string, payload: Uint8Array): Promise<Uint8Array>;
}

export interface RekeyChange {
  readonly rootKey: Uint8Array;
  readonly record: Uint8Array;
  readonly previous: Uint8Array;
}

export interface CeremonyParts {
  readonly nodeId: number;
  /** Counted and synced at each start of the node. */
  readonly bootCounter: number;
  readonly peers: CeremonyPeers;
  /** Who collects shares: the leader; `undefined` without one, and then each node collects what it is given. */
  readonly collector: () => number | undefined;
  /** The members of the committed configuration, this one included. */
  readonly members: () => readonly CeremonyMember[];
  /** The seal record's row as this node has it. */
  readonly sealRecord: () => Uint8Array | undefined;
  /** Whether this node's barrier is open. */
  readonly isOpen: () => boolean;
  /** Opens this node's barrier. The bytes are wiped once the promise has settled. Rejects when it does not open. */
  readonly onOpened: (rootKey: Uint8Array) => Promise<void>;
  /** Keeps a copy of the root key that a rekey is about to bring, until the keyring has changed or some minutes are over. */
  readonly stageRootKey: (rootKey: Uint8Array) => void;
  /**
   * Commits a rekey: `record` in the place of `previous`, and the keyring under `rootKey` with a new data key, in one
   * command. Resolves to whether it is known to be in force; throws `CeremonyRefusedError` when the seal is no longer
   * `previous`, and what a commit throws. All three stay the caller's.
   */
  readonly commitRekey: (change: RekeyChange) => Promise<"committed" | "unknown">;
  /** A signature by this node's identity key: Ed25519, or ECDSA with SHA-256 as DER. */
  readonly sign: (message: Uint8Array) => Uint8Array;
  readonly keyWrap: KeyWrap;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly entropy: Entropy;
  readonly logger: Logger;
}
