/**
 * What the request path needs from whoever holds the seal. The ceremonies live in `seal`, the init command's rows in
 * `barrier`, and the process that joins them in `apps/server`; core asks through this interface and adds its own rows to
 * the init command, so that a cluster is born whole: one command, one winner.
 */
import type { Barrier } from "@strongroom/barrier";
import type { SecretBytes } from "@strongroom/runtime";
import type { RekeyPhase, RekeyProgress, RekeyStatus, SealConfig } from "@strongroom/seal";
import type { Transaction } from "@strongroom/storage";

/** A node's view of its seal, cheap to ask for: health checks poll it. */
export interface SealStatus {
  /** The seal's kind; `"shamir"` today. */
  readonly type: string;
  readonly initialized: boolean;
  /** Whether *this* node is sealed. */
  readonly sealed: boolean;
  /** Shares needed, and shares made; both 0 before init. */
  readonly t: number;
  readonly n: number;
  /** Distinct right shares given in the running ceremony. */
  readonly progress: number;
  /** Names the running ceremony; empty when there is none. */
  readonly nonce: string;
  /** Known once initialised, and told to clients only by an open node. */
  readonly clusterName?: string;
  readonly clusterId?: string;
}

export interface InitializeOptions {
  /** `1 <= threshold <= shares <= 255`, and not 1 of several: core has checked. */
  readonly shares: number;
  readonly threshold: number;
  /**
   * Adds core's first rows to the transaction that becomes the init command. `barrier` is open with the keys that this
   * very command creates. Called once, or not at all; it must not keep either argument.
   */
  readonly prepare: (transaction: Transaction, barrier: Barrier) => void;
  /** Absolute, in the clock's monotonic milliseconds. */
  readonly deadlineMs: number;
}

export interface SealGate {
  status(): Promise<SealStatus>;
  /**
   * Makes the cluster with one command that is guarded by the absence of the seal record. The shares come back in Vault's
   * format; the caller owns and wipes them. Throws `AlreadyInitializedError` when another init won, and
   * `InitRefusedError` on a node that is configured to join.
   */
  initialize(options: InitializeOptions): Promise<{ readonly keys: readonly SecretBytes[] }>;
  /**
   * Gives one share to the running ceremony; the gate owns `share` and wipes it. Throws `seal`'s `InvalidShareError` or
   * `WrongShareError` for one that does not belong to this seal. A share given twice changes nothing.
   */
  submitShare(share: Uint8Array): Promise<SealStatus>;
  /** Forgets the shares that this node was given. */
  reset(): Promise<SealStatus>;
  /** Starts a rekey; core has checked a token. Throws `seal`'s `CeremonyRefusedError` when one is under way. */
  beginRekey(config: SealConfig, verify: boolean): Promise<RekeyStatus>;
  rekeyStatus(): Promise<RekeyStatus>;
  /** Throws `seal`'s `CeremonyRefusedError` when none is under way. */
  cancelRekey(): Promise<void>;
  /**
   * Gives one share to the rekey that `nonce` names; the gate owns `share` and wipes it, the caller what new shares come
   * back. Throws as `submitShare`, and `CeremonyRefusedError`.
   */
  submitRekeyShare(phase: RekeyPhase, nonce: Uint8Array, share: Uint8Array): Promise<RekeyProgress>;
  /** Ends verification, then takes the keys away from every thread of this node. Resolves when no key is left. */
  seal(): Promise<void>;
}
