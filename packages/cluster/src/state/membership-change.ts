/**
 * Ties a change of membership to the command beside it. The MAC covers the command, not the entry around it; so the command
 * itself writes the change, as the row under `MEMBERSHIP_KEY`, and a change that is not the one written is refused. Without
 * this a leader could put a genuine command around a change of its own.
 */
import { type ConfChangeV2, encodeConfChangeV2 } from "@strongroom/raft";
import { equalBytes } from "@strongroom/runtime";
import type { Command, Mutation } from "@strongroom/storage";
import { removedNodeKey } from "../replica/node-record.ts";
import { MEMBERSHIP_KEY } from "./keys.ts";

/** What every command of a membership entry must contain, for the change that it is proposed with. */
export function membershipMutation(change: Pick<ConfChangeV2, "transition" | "changes">): Mutation {
  return { kind: "put", key: MEMBERSHIP_KEY, term: 0, value: encodeWithoutContext(change) };
}

/**
 * Why the command does not stand for the change, or undefined if it does. `isRemoved` tells whether an id was removed
 * before: it never comes back, and whoever removes a node writes the row that says so.
 */
export function refuseMembership(
  command: Command,
  change: ConfChangeV2,
  isRemoved: (nodeId: number) => boolean,
): string | undefined {
  if (!puts(command, MEMBERSHIP_KEY, encodeWithoutContext(change)))
    return "it was made for another change of membership";
  for (const { type, nodeId } of change.changes) {
    if (type === "ConfChangeRemoveNode") {
      if (!puts(command, removedNodeKey(nodeId))) return "it removes a node without noting it as removed";
    } else if (isRemoved(nodeId)) {
      return "it brings back a node that was removed";
    }
  }
  return undefined;
}

function encodeWithoutContext(change: Pick<ConfChangeV2, "transition" | "changes">): Uint8Array {
  return encodeConfChangeV2({ transition: change.transition, changes: change.changes, context: new Uint8Array(0) });
}

function puts(command: Command, key: Uint8Array, value?: Uint8Array): boolean {
  return command.mutations.some(
    (mutation) =>
      mutation.kind === "put" &&
      equalBytes(mutation.key, key) &&
      (value === undefined || equalBytes(mutation.value, value)),
  );
}
