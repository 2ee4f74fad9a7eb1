/**
 * Takes a snapshot apart and proves it against its own sums: checksums and numbers of the frames, order of the rows, their
 * count and hash, the digest over the replicated ones, and the replica's own row against the header. What it has let pass
 * is sound only when the trailer was read and `finish` returned.
 */
import { createHash } from "node:crypto";
import { RaftInvariantError } from "@strongroom/raft";
import { ByteReader, ByteWriter, compareBytes, concatBytes, equalBytes, ShortInputError } from "@strongroom/runtime";
import { CorruptRowError, decodeRow, FIRST_REPLICATED_KIND, LIMITS, ROW_HEADER_BYTES } from "@strongroom/storage";
import { REPLICA_STATE_KEY } from "../state/keys.ts";
import { isLocalKey } from "../state/origin.ts";
import { decodeReplicaState } from "../state/replica-state.ts";
import { hashRow, RowDigest } from "../state/row-digest.ts";
import { SnapshotDamagedError } from "./errors.ts";
import { FRAME_TYPE, FrameReader, type SnapshotFrame } from "./frame.ts";
import { decodeHeader, decodeTrailer, encodeHeader } from "./payload.ts";
import type { SnapshotHeader, SnapshotTrailer } from "./types.ts";

export interface SnapshotRow {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

const MAX_ROW_BYTES = ROW_HEADER_BYTES + LIMITS.rowBytes;

export class SnapshotParser {
  readonly #frames = new FrameReader();
  readonly #sha256 = createHash("sha256");
  readonly #digest = new RowDigest();
  #header: SnapshotHeader | undefined;
  #trailer: SnapshotTrailer | undefined;
  #stateRow: Uint8Array | undefined;
  #rest: Uint8Array = new Uint8Array(0);
  #lastKey: Uint8Array = new Uint8Array(0);
  #rows = 0;
  #contentBytes = 0;

  /** Known once the first frame was read. */
  get header(): SnapshotHeader | undefined {
    return this.#header;
  }

  /** The rows that these bytes complete, in buffers of their own. Throws `SnapshotDamagedError`, `SnapshotRefusedError`. */
  push(bytes: Uint8Array): readonly SnapshotRow[] {
    const rows: SnapshotRow[] = [];
    for (const frame of this.#frames.push(bytes)) this.#frame(frame, rows);
    return rows;
  }

  /** After the last bytes: the snapshot is whole and sound, or a throw. */
  finish(): { readonly header: SnapshotHeader; readonly trailer: SnapshotTrailer } {
    const [header, trailer] = [this.#header, this.#trailer];
    if (header === undefined || trailer === undefined || !this.#frames.atEnd) throw damaged("it ends too early");
    if (this.#rest.length > 0) throw damaged("its last row is cut off");
    if (trailer.rows !== this.#rows || trailer.contentBytes !== this.#contentBytes) throw damaged("rows are missing");
    if (!equalBytes(trailer.contentHash, this.#sha256.digest())) throw damaged("its hash is another one");
    if (!equalBytes(header.digest, this.#digest.bytes())) throw damaged("its rows have another digest than it says");
    this.#checkState(header);
    return { header, trailer };
  }

  #frame(frame: SnapshotFrame, rows: SnapshotRow[]): void {
    if (this.#trailer !== undefined) throw damaged("something follows its trailer");
    if ((this.#header === undefined) !== (frame.type === FRAME_TYPE.header)) throw damaged("it has not one header");
    switch (frame.type) {
      case FRAME_TYPE.header:
        this.#header = parsed(() => decodeHeader(frame.payload));
        this.#sha256.update(new ByteWriter(frame.payload.length + 4).bytes(frame.payload).view());
        break;
      case FRAME_TYPE.rows:
        this.#content(frame.payload, rows);
        break;
      case FRAME_TYPE.trailer:
        this.#trailer = parsed(() => decodeTrailer(frame.payload));
        break;
    }
  }

  #content(payload: Uint8Array, rows: SnapshotRow[]): void {
    this.#sha256.update(payload);
    this.#contentBytes += payload.length;
    const content = concatBytes([this.#rest, payload]);
    let used = 0;
    for (let row = readRow(content, used); row !== undefined; row = readRow(content, used)) {
      used = row.end;
      this.#row(row.key, row.value);
      rows.push(row);
    }
    this.#rest = content.subarray(used);
  }

  #row(key: Uint8Array, value: Uint8Array): void {
    if (compareBytes(this.#lastKey, key) >= 0) throw damaged("its rows are not in the order of their keys");
    if (isLocalKey(key)) throw damaged("it holds a row that belongs to one node");
    this.#lastKey = key;
    this.#rows++;
    if ((key[0] as number) >= FIRST_REPLICATED_KIND) {
      const { revision } = parsed(() => decodeRow(value));
      if (revision.index > (this.#header as SnapshotHeader).metadata.index) throw damaged("a row is newer than it");
      this.#digest.add(hashRow(key, value));
    } else if (equalBytes(key, REPLICA_STATE_KEY)) {
      this.#stateRow = value;
    }
  }

  /** The header only repeats what the state says of itself. */
  #checkState(header: SnapshotHeader): void {
    const row = this.#stateRow;
    if (row === undefined) throw damaged("it does not say where its replica stood");
    const { appliedIndex: index, appliedTerm: term, confState, logTimeMs, chain, digest } = decodeReplicaState(row);
    const { clusterId, nodeId } = header;
    const told = encodeHeader({ clusterId, nodeId, metadata: { index, term, confState }, logTimeMs, chain, digest });
    if (!equalBytes(told, encodeHeader(header))) throw damaged("its header does not fit its rows");
  }
}

function readRow(content: Uint8Array, at: number): (SnapshotRow & { readonly end: number }) | undefined {
  const reader = new ByteReader(content, at);
  if (reader.remaining < 4) return undefined;
  const keyBytes = reader.u32();
  if (keyBytes === 0 || keyBytes > LIMITS.keyBytes) throw damaged("a key's length is out of range");
  if (reader.remaining < keyBytes + 4) return undefined;
  const key = reader.raw(keyBytes);
  const valueBytes = reader.u32();
  if (valueBytes > MAX_ROW_BYTES) throw damaged("a row's length is out of range");
  if (reader.remaining < valueBytes) return undefined;
  return { key, value: reader.raw(valueBytes), end: reader.offset };
}

function parsed<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    const bad = error instanceof ShortInputError || error instanceof CorruptRowError;
    if (bad || error instanceof RaftInvariantError) throw damaged(error.message);
    throw error;
  }
}

function damaged(what: string): SnapshotDamagedError {
  return new SnapshotDamagedError(`The snapshot is damaged: ${what}. Fetch it again.`);
}
