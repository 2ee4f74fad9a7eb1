/** What an operator can meet when he opens or seals the cluster. No message holds a share, or part of one. */
import { StrongroomError } from "@strongroom/runtime";

/** Numbers of shares and threshold that make no seal. */
export class SealConfigError extends StrongroomError {
  readonly code = "invalid_seal_config";
}

/** The cluster has no seal record yet. */
export class NotInitializedError extends StrongroomError {
  readonly code = "not_initialized";

  constructor() {
    super("the cluster is not initialized; initialize it first");
  }
}

/** What was given cannot be a share of anything. */
export class InvalidShareError extends StrongroomError {
  readonly code = "invalid_share";
}

/** A well-formed share, but none of this cluster's. The shares given before it still count. */
export class WrongShareError extends StrongroomError {
  readonly code = "wrong_share";

  constructor() {
    super(
      "this is not one of the cluster's current unseal shares; the shares given before still count, so try another one",
    );
  }
}

/** The shares are right, each by its commitment, yet the root key does not open. */
export class UnsealFailedError extends StrongroomError {
  readonly code = "unseal_failed";

  constructor(options?: { readonly cause?: unknown }) {
    super("the root key could not be opened: the seal record or the keyring was changed or damaged", options);
  }
}

/** The root key is right, and the node does not know that its state is. */
export class StateUnprovenError extends StrongroomError {
  readonly code = "state_unproven";

  constructor() {
    super(
      "the shares are right, but the node that they open cannot prove its state and no open member could vouch for it: unseal another member first, then give the shares again",
    );
  }
}

/** The root key is right, and the node's state is not. */
export class StateWrongError extends StrongroomError {
  readonly code = "quarantined";

  constructor() {
    super(
      "the shares are right, but the node that they open holds a state that no open member made; it has ended and its log says why: remove it from the cluster, and let it join again with an empty data directory",
    );
  }
}

/** The seal record in storage does not decode. */
export class SealRecordError extends StrongroomError {
  readonly code = "seal_record";
}

/** Nobody could be reached who collects shares now. */
export class CeremonyUnavailableError extends StrongroomError {
  readonly code = "ceremony_unavailable";
}

/** The ceremony may not be touched by who asked, or does not exist. */
export class CeremonyRefusedError extends StrongroomError {
  readonly code = "ceremony_refused";
}

/** Two live processes claim to be one node. */
export class SecondHolderError extends StrongroomError {
  readonly code = "second_holder";

  constructor(nodeId: number) {
    super(`another process is running as node ${nodeId}: was its data directory copied? Stop one of them`);
  }
}

/** A message between members was not made for this recipient and purpose, or was changed. */
export class SealedMessageError extends StrongroomError {
  readonly code = "sealed_message";

  constructor(options?: { readonly cause?: unknown }) {
    super("a sealed message between members could not be opened", options);
  }
}
