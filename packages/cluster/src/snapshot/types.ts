/** What a snapshot says about itself. The format is in `docs/formats/snapshot.md`. */
import type { NodeId, SnapshotMetadata } from "@strongroom/raft";
import type { Authenticity } from "../authenticator.ts";

export interface SnapshotHeader {
  readonly clusterId: Uint8Array;
  /** The node that made it. */
  readonly nodeId: NodeId;
  readonly metadata: SnapshotMetadata;
  readonly logTimeMs: number;
  /** SHA-256 chain over all entries up to the snapshot's index. */
  readonly chain: Uint8Array;
  /** Of all replicated rows. */
  readonly digest: Uint8Array;
}

export interface SnapshotTrailer {
  readonly rows: number;
  readonly contentBytes: number;
  /** SHA-256 of header and content. */
  readonly contentHash: Uint8Array;
  readonly keyId: number;
  /** 32 bytes, or empty from a sender that was sealed. */
  readonly mac: Uint8Array;
}

/** Signs what a snapshot's trailer says; `undefined` while sealed, which leaves the trailer without a MAC. */
export interface SnapshotSigner {
  sign(message: Uint8Array): { readonly keyId: number; readonly mac: Uint8Array } | undefined;
}

/** A snapshot that was received whole and proven against its own sums. */
export interface ReceivedSnapshot {
  readonly header: SnapshotHeader;
  readonly trailer: SnapshotTrailer;
  /** Complete and durable; not yet switched in. */
  readonly generation: string;
  /** `unsigned`: the trailer bears no MAC. A bad MAC is an error instead. */
  readonly authenticity: Authenticity | "unsigned";
}
