/** Keys of the rows that the state machine itself writes or looks into. */
import { ByteWriter } from "@strongroom/runtime";
import { KEY_KIND, type ProposerId } from "@strongroom/storage";

/** Where this replica stands: `ReplicaState`. Its own, like the proposers' rows: in no digest, but in every snapshot. */
export const REPLICA_STATE_KEY: Uint8Array = Uint8Array.of(KEY_KIND.replica, 1);

/** Which proposers there are. */
export const PROPOSER_INDEX_KEY: Uint8Array = Uint8Array.of(KEY_KIND.replica, 2);

/** What this replica held at the latest milestones of the log. */
export const MILESTONES_KEY: Uint8Array = Uint8Array.of(KEY_KIND.replica, 3);

/** The last change of membership, which a command must name to be believed: see `membership-change.ts`. */
export const MEMBERSHIP_KEY: Uint8Array = Uint8Array.of(KEY_KIND.cluster, 1);

export function proposerKey(proposer: ProposerId): Uint8Array {
  return new ByteWriter(17).u8(KEY_KIND.proposer).u64(proposer.node).u64(proposer.incarnation).finish();
}

/** Names a registration; no row is ever kept there. */
export function registrationKey(nodeId: number): Uint8Array {
  return new ByteWriter(10).u8(KEY_KIND.node).u64(nodeId).u8(1).finish();
}
