/** What an operator or a client can meet at the barrier. None of these messages holds a name, a value or a key. */
import { StrongroomError } from "@strongroom/runtime";

/** The keys are not in memory: the node has to be unsealed first. */
export class SealedError extends StrongroomError {
  readonly code = "sealed";

  constructor() {
    super("this node is sealed; unseal it and try again");
  }
}

/**
 * Bytes at rest do not open: damaged, moved, taken from another cluster, or the key is the wrong one. The message is
 * the same for all of these, so that nobody learns from it which part he got right.
 */
export class IntegrityError extends StrongroomError {
  readonly code = "integrity";

  constructor(what: string, options?: { readonly cause?: unknown }) {
    super(`${what} could not be opened: the key is wrong or the stored bytes were changed`, options);
  }
}

/** A format written by a newer version of the program. */
export class UnknownFormatError extends StrongroomError {
  readonly code = "unknown_format";

  constructor(what: string, version: number) {
    super(`${what} has format ${version}, which this version does not know; upgrade this node`);
  }
}

/** A path that the barrier does not store. */
export class InvalidPathError extends StrongroomError {
  readonly code = "invalid_path";
}

/** A directory with more children than one LIST may walk. */
export class ListTooLargeError extends StrongroomError {
  readonly code = "list_too_large";

  constructor(limit: number) {
    super(
      `the directory has more than ${limit} entries, which is as many as one list may walk; spread them over sub-directories`,
    );
  }
}

/** The keyring holds as many keys as there is room for. */
export class KeyringFullError extends StrongroomError {
  readonly code = "keyring_full";

  constructor(limit: number) {
    super(`the keyring already holds ${limit} keys, as many as it has room for; it cannot be rotated again`);
  }
}
