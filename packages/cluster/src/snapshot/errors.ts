import { StrongroomError } from "@strongroom/runtime";

/** The bytes are no whole, sound snapshot: damaged on the way or on a disk, cut short, or signed by nobody we know. */
export class SnapshotDamagedError extends StrongroomError {
  readonly code = "snapshot_damaged";
}

/** A sound snapshot that does not belong here: of another cluster, or of a version that this server does not know. */
export class SnapshotRefusedError extends StrongroomError {
  readonly code = "snapshot_refused";
}

/** There is nothing to send: this replica has not applied an entry yet. */
export class SnapshotEmptyError extends StrongroomError {
  readonly code = "snapshot_empty";
}
