/**
 * The one rule of the state machine: a command takes effect if all its guards hold, and then whole. Replicas and the
 * single-node store of the tests share this function, so what is tested against one holds for the other.
 */
import { unreachable } from "@strongroom/runtime";
import type { CommandDraft, Guard, Verdict } from "./command.ts";
import { EPOCH_KEY } from "./keys.ts";
import { ABSENT_REVISION, equalRevisions, type Revision } from "./revision.ts";
import { encodeRow } from "./row.ts";
import type { TableOp } from "./table.ts";

/** The state before the command; a row's value is not looked at. `SnapshotReader` is one. */
export interface RevisionReader {
  get(key: Uint8Array): { readonly revision: Revision } | undefined;
}

export interface ApplyContext {
  /** The Raft term of the entry that holds the command. */
  readonly raftTerm: number;
}

export interface ApplyResult {
  readonly verdict: Verdict;
  /** Encoded rows in the order of their keys; none unless the verdict is `applied`. */
  readonly ops: readonly TableOp[];
}

/** Pure. `at` is the command's place in the log, and becomes the revision of every row that it puts. */
export function applyCommand(
  reader: RevisionReader,
  command: CommandDraft,
  at: Revision,
  context: ApplyContext,
): ApplyResult {
  const failed = command.guards.findIndex((guard) => !holds(reader, guard, context));
  if (failed >= 0) return { verdict: { outcome: "conflict", guard: failed }, ops: [] };
  const ops = command.mutations.map((mutation): TableOp => {
    const { key } = mutation;
    if (mutation.kind === "delete") return { type: "delete", key };
    return { type: "put", key, value: encodeRow({ revision: at, term: mutation.term, value: mutation.value }) };
  });
  return { verdict: { outcome: "applied", revision: at }, ops };
}

function holds(reader: RevisionReader, guard: Guard, context: ApplyContext): boolean {
  switch (guard.kind) {
    case "point":
      return equalRevisions(revisionOf(reader, guard.key), guard.revision);
    case "absent":
      return reader.get(guard.key) === undefined;
    case "raft-term":
      return guard.term === context.raftTerm;
    case "epoch":
      return equalRevisions(revisionOf(reader, EPOCH_KEY), guard.revision);
    default:
      return unreachable(guard);
  }
}

function revisionOf(reader: RevisionReader, key: Uint8Array): Revision {
  return reader.get(key)?.revision ?? ABSENT_REVISION;
}
