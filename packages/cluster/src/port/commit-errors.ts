/** What a client is told of a write that got no verdict. */
import { DiskFullError, NotCommittedError, OutcomeUnknownError, UnavailableError } from "@strongroom/storage";
import type { NotCommittedReason } from "./messages.ts";

export function unknownOutcome(): OutcomeUnknownError {
  return new OutcomeUnknownError(
    "the write was sent and not answered in time; it may still take effect, whole or not at all: read before you repeat it",
  );
}

export function noRoom(): UnavailableError {
  return new UnavailableError("too many writes of this node wait for a verdict; try again when the cluster answers");
}

export function notCommitted(reason: NotCommittedReason): Error {
  switch (reason) {
    case "no-leader":
    case "not-leader":
      return new UnavailableError("no leader took the write within its deadline; nothing was written, try again");
    case "clock-skew":
      return new NotCommittedError(
        "this node's clock is more than 2 seconds away from the leader's, so its writes are refused: set the clock right",
      );
    case "conf-change-refused":
      return new NotCommittedError(
        "the leader refused the change of membership: another one is under way, or the configuration does not allow it; try again",
      );
    case "unauthentic":
      return new NotCommittedError("the leader could not verify the write's signature; nothing was written");
    case "disk-full":
      return new DiskFullError(
        "the cluster's disks are nearly full, so nothing that grows the store is taken; nothing was written: delete what is not needed, or make room on the servers",
      );
    case "transferring":
    case "busy":
      return new NotCommittedError("the leader took no writes within the deadline; nothing was written, try again");
  }
}
