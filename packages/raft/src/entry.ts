/**
 * What a replicated log is made of: indices, terms, entries, the hard state that must survive a crash, and the
 * metadata of a snapshot. All is plain, frozen-by-convention data; the bytes of an entry are never looked into or copied.
 */

import { fail } from "./errors.ts";

/** A position in the log. The first entry stands at 1; 0 stands for "before the log". */
export type Index = number & { readonly __brand: "Index" };
/** An election term. 0 is the term of a node that has never heard of an election. */
export type Term = number & { readonly __brand: "Term" };
/** A member's identity, random below 2^53 - 2. 0 is nobody. */
export type NodeId = number & { readonly __brand: "NodeId" };

/** Nobody: no leader known, no vote cast, no transfer under way. */
export const NO_NODE: NodeId = 0 as NodeId;

/** Where `MsgStorageAppend` goes, and whence its answer comes: the local log, not a peer. */
export const LOCAL_APPEND_THREAD: NodeId = Number.MAX_SAFE_INTEGER as NodeId;
/** Where `MsgStorageApply` goes, and whence its answer comes: the local state machine, not a peer. */
export const LOCAL_APPLY_THREAD: NodeId = (Number.MAX_SAFE_INTEGER - 1) as NodeId;

/** True of the two pseudo ids above. */
export function isLocalTarget(id: NodeId): boolean {
  return id === LOCAL_APPEND_THREAD || id === LOCAL_APPLY_THREAD;
}

/** `value` as an index. Throws `RaftInvariantError` unless it is a safe integer of at least 0. */
export function toIndex(value: number): Index {
  return safe(value, "index") as Index;
}

/** `value` as a term. Throws `RaftInvariantError` unless it is a safe integer of at least 0. */
export function toTerm(value: number): Term {
  return safe(value, "term") as Term;
}

/** `value` as a node id. Throws `RaftInvariantError` unless it is a safe integer of at least 0. */
export function toNodeId(value: number): NodeId {
  return safe(value, "node id") as NodeId;
}

function safe(value: number, what: string): number {
  if (!Number.isSafeInteger(value) || value < 0)
    fail(`${value} is no ${what}: it must be a safe integer of at least 0`);
  return value;
}

export type EntryType = "EntryNormal" | "EntryConfChange" | "EntryConfChangeV2";

/** One entry of the log. `data` belongs to whoever proposed it and must not change once proposed. */
export interface Entry {
  readonly term: Term;
  readonly index: Index;
  readonly type: EntryType;
  readonly data: Uint8Array;
}

/** Term and index together name an entry: two logs that hold the same id agree on all before it (Raft §5.3). */
export interface EntryId {
  readonly term: Term;
  readonly index: Index;
}

/** What a node must have on disk before it may answer for it. */
export interface HardState {
  readonly term: Term;
  readonly vote: NodeId;
  readonly commit: Index;
}

/** The hard state of a node that has no past. */
export const EMPTY_HARD_STATE: HardState = { term: 0 as Term, vote: NO_NODE, commit: 0 as Index };

/** A configuration as it stands in snapshots. `votersOutgoing` is empty unless it is joint. */
export interface ConfState {
  readonly voters: readonly NodeId[];
  readonly votersOutgoing: readonly NodeId[];
  readonly learners: readonly NodeId[];
  readonly learnersNext: readonly NodeId[];
  readonly autoLeave: boolean;
}

export const EMPTY_CONF_STATE: ConfState = {
  voters: [],
  votersOutgoing: [],
  learners: [],
  learnersNext: [],
  autoLeave: false,
};

/** A snapshot's place in the log, and the configuration that was in force after the entry at `index`. */
export interface SnapshotMetadata {
  readonly index: Index;
  readonly term: Term;
  readonly confState: ConfState;
}

/** `data` is whatever the state machine understands; it may be empty where the content travels by another way. */
export interface Snapshot {
  readonly metadata: SnapshotMetadata;
  readonly data: Uint8Array;
}

/** Bytes of payload: what the limits on uncommitted and in-flight data count. */
export function payloadBytes(entries: readonly Entry[]): number {
  let bytes = 0;
  for (const entry of entries) bytes += entry.data.length;
  return bytes;
}

/** Index, term and type, as the limits on messages count them. The real frames are of about this size. */
const ENTRY_OVERHEAD_BYTES = 16;

/** Bytes that an entry takes of a message or of the allowance for entries being applied. Never 0. */
export function entryBytes(entry: Entry): number {
  return ENTRY_OVERHEAD_BYTES + entry.data.length;
}

/** The sum of `entryBytes`. */
export function entriesBytes(entries: readonly Entry[]): number {
  let bytes = 0;
  for (const entry of entries) bytes += entryBytes(entry);
  return bytes;
}

/** The longest prefix of `entries` within `maxBytes`, but at least one entry, so that a large one cannot stop the log. */
export function limitBytes(entries: readonly Entry[], maxBytes: number): readonly Entry[] {
  let bytes = 0;
  for (let i = 0; i < entries.length; i++) {
    bytes += entryBytes(entries[i] as Entry);
    if (bytes > maxBytes && i > 0) return entries.slice(0, i);
  }
  return entries;
}
