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

/** A device that is not to be made like that. */
export class DeviceOptionError extends StrongroomError {
  readonly code = "invalid_audit_device";
}

/** A device's other end did not take what it was given. Told in the device's status, never to a client. */
export class DeviceFailedError extends StrongroomError {
  readonly code = "audit_device_failed";
}
