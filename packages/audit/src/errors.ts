/** What audit can refuse, and why. */
import { StrongroomError } from "@strongroom/runtime";

/** The node's own stream cannot be written: nothing may be executed or answered until it can. */
export class AuditUnavailableError extends StrongroomError {
  readonly code = "audit_unavailable";
}

/** A write was committed, and its answer could not be recorded. */
export class AuditOutcomeError extends StrongroomError {
  readonly code = "audit_outcome_unknown";

  constructor(cause: unknown) {
    super(
      "the answer could not be recorded in the audit stream, so it is withheld; the write may have taken effect: look before you repeat it",
      { cause },
    );
  }
}
