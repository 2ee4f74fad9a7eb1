/**
 * What the replica sees of the write-ahead log: groups go in, tokens of groups that are durable come out, in order.
 * The format is in `docs/formats/wal.md`.
 */
import type { Entry, HardState, Index, NodeId, SnapshotMetadata, Term } from "@strongroom/raft";

/** A snapshot that was switched in: what it holds, and the directory of the state machine that holds it. */
export interface InstalledSnapshot {
  readonly metadata: SnapshotMetadata;
  readonly generation: string;
}

/** What one append makes durable together. `token` comes back when it is; tokens come back in the order of the appends. */
export interface WalGroup {
  readonly token: number;
  readonly hardState?: HardState;
  /** Contiguous; may begin at or below the last index, which then overwrites from there on. */
  readonly entries: readonly Entry[];
  /** Empties the log, which goes on above its index. Applies before `entries`. */
  readonly installed?: InstalledSnapshot;
}

/** The log of one node. Any failure is reported once through `onFatal`, after which no token comes back any more. */
export interface WalHandle {
  /** Never blocks. The bytes of the entries may not change until the token has come back. */
  append(group: WalGroup): void;
  /** Allows the log to forget all entries below `below`; it forgets whole segments, so usually fewer. */
  cut(below: Index): void;
  /** Resolves when all that was appended is durable and the files are closed. Idempotent. */
  close(): Promise<void>;
}

export interface WalEvents {
  /** The group is durable, and all before it. */
  readonly onSynced: (token: number) => void;
  /** A write or a sync failed. Never retried: the process ends, and recovery decides what was kept. */
  readonly onFatal: (error: Error) => void;
}

/** Whose log it is; written at the head of every segment. */
export interface WalIdentity {
  readonly nodeId: NodeId;
  /** Empty until the node knows its cluster; at most 64 bytes. */
  readonly clusterId: Uint8Array;
}

/** Where the log begins: the entry before its first one. Both are 0 in a log that was never cut. */
export interface WalBase {
  readonly index: Index;
  readonly term: Term;
}

/** What a sound log holds. `entries` are views into the segments as read. */
export interface WalContents {
  readonly status: "ok";
  readonly identity: WalIdentity;
  readonly hardState: HardState;
  /** Contiguous from `firstIndex`, terms never falling. */
  readonly entries: readonly Entry[];
  /** `base.index + 1`, which is the index of the first entry if there is one. */
  readonly firstIndex: Index;
  readonly base: WalBase;
  readonly installed?: InstalledSnapshot;
  /** Bytes of a torn tail that were cut away and zeroed, for the operator's log. */
  readonly tornBytes: number;
  /** Where writing goes on. */
  readonly resume: WalResume;
}

/** `empty`: no segment was ever completed here. `damaged`: the node is quarantined; nothing was changed on disk. */
export type WalRecovery =
  | { readonly status: "empty" }
  | WalContents
  | { readonly status: "damaged"; readonly reason: string };

/** A segment as the writer needs to know it. */
export interface WalSegment {
  readonly sequence: number;
  /** No entry in an earlier segment has this index or a higher one that still counts. */
  readonly firstIndex: number;
}

interface WalResume {
  /** All segments, oldest first; the last is the one that is written. */
  readonly segments: readonly WalSegment[];
  /** Bytes of the last segment's file, and how many of them are used. */
  readonly segmentBytes: number;
  readonly usedBytes: number;
  /** The place in the stream of records where the next record goes. */
  readonly position: number;
  /** The CRC of the last record. */
  readonly chain: number;
}
