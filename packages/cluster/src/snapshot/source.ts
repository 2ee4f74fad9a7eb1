/**
 * Reads a snapshot out of a table's own snapshot, while the table goes on being written. Whoever consumes the stream sets
 * the pace: nothing is read ahead of what was asked for.
 */
import { createHash, type Hash } from "node:crypto";
import type { NodeId } from "@strongroom/raft";
import { assert, ByteWriter, present } from "@strongroom/runtime";
import type { KeyRange, TableEntry, TableSnapshot } from "@strongroom/storage";
import { REPLICA_STATE_KEY } from "../state/keys.ts";
import { isLocalKey } from "../state/origin.ts";
import { decodeReplicaState } from "../state/replica-state.ts";
import { SnapshotEmptyError } from "./errors.ts";
import { encodeFrame, FRAME_HEADER_BYTES, FRAME_TYPE, MAX_FRAME_PAYLOAD_BYTES, SNAPSHOT_MAGIC } from "./frame.ts";
import { decodeTrailer, encodeHeader, encodeTrailer, snapshotMacInput } from "./payload.ts";
import type { SnapshotHeader, SnapshotSigner, SnapshotTrailer } from "./types.ts";

export interface SnapshotSourceOptions {
  /** Of this node. */
  readonly clusterId: Uint8Array;
  readonly nodeId: NodeId;
  /** Without one, or while it is sealed, the trailer bears no MAC. */
  readonly signer?: SnapshotSigner;
  /** Bytes of rows in a frame, at most 256 KiB. */
  readonly chunkBytes?: number;
}

const ALL_KEYS: KeyRange = { gte: Uint8Array.of(0), lt: Uint8Array.of(0xff) };
const ROWS_AT_ONCE = 32;

export class SnapshotSource {
  readonly header: SnapshotHeader;
  readonly #snapshot: TableSnapshot;
  readonly #signer: SnapshotSigner | undefined;
  readonly #chunkBytes: number;
  #started = false;

  /** Owns `snapshot` from now on, also if it throws: `SnapshotEmptyError`, or what the state's row throws. */
  constructor(snapshot: TableSnapshot, options: SnapshotSourceOptions) {
    this.#snapshot = snapshot;
    this.#signer = options.signer;
    this.#chunkBytes = options.chunkBytes ?? MAX_FRAME_PAYLOAD_BYTES;
    assert(this.#chunkBytes > 0 && this.#chunkBytes <= MAX_FRAME_PAYLOAD_BYTES, "a chunk fits into a frame");
    try {
      this.header = readHeader(snapshot, options);
    } catch (error) {
      snapshot.close();
      throw error;
    }
  }

  /** The whole snapshot as buffers that the consumer owns. Closes the table's snapshot at its end, whichever that is. */
  async *stream(): AsyncGenerator<Uint8Array, void, void> {
    assert(!this.#started, "a source is read once");
    this.#started = true;
    const iterator = this.#snapshot.iterator(ALL_KEYS);
    try {
      const head = encodeHeader(this.header);
      const sha256 = createHash("sha256").update(new ByteWriter(head.length + 4).bytes(head).view());
      let sequence = 0;
      yield SNAPSHOT_MAGIC.slice();
      yield encodeFrame(FRAME_TYPE.header, sequence++, head);
      const chunk = new Chunk(this.#chunkBytes, sha256);
      for (let rows = await iterator.next(ROWS_AT_ONCE); rows.length > 0; rows = await iterator.next(ROWS_AT_ONCE)) {
        for (const payload of chunk.add(rows.filter(({ key }) => !isLocalKey(key))))
          yield encodeFrame(FRAME_TYPE.rows, sequence++, payload);
      }
      const rest = chunk.rest();
      if (rest.length > 0) yield encodeFrame(FRAME_TYPE.rows, sequence++, rest);
      yield encodeFrame(FRAME_TYPE.trailer, sequence, this.#trailer(chunk, sha256));
    } finally {
      await iterator.close();
      this.#snapshot.close();
    }
  }

  /** What the stream would end with, for whoever does not want the rows. In place of `stream`. */
  async sums(): Promise<SnapshotTrailer> {
    let last: Uint8Array | undefined;
    for await (const frame of this.stream()) last = frame;
    return decodeTrailer(present(last, "a snapshot ends with its trailer").subarray(FRAME_HEADER_BYTES));
  }

  /** For a source that is not going to be read, or whose stream was ended by its consumer. Idempotent. */
  close(): void {
    if (!this.#started) this.#snapshot.close();
    this.#started = true;
  }

  #trailer(chunk: Chunk, sha256: Hash): Uint8Array {
    const sums = { rows: chunk.rows, contentBytes: chunk.bytes, contentHash: sha256.digest() };
    const signature = this.#signer?.sign(snapshotMacInput(sums));
    return encodeTrailer({ ...sums, keyId: signature?.keyId ?? 0, mac: signature?.mac ?? new Uint8Array(0) });
  }
}

function readHeader(snapshot: TableSnapshot, options: SnapshotSourceOptions): SnapshotHeader {
  const row = snapshot.getSync(REPLICA_STATE_KEY);
  if (row === undefined)
    throw new SnapshotEmptyError("This node has applied nothing yet, so it has no snapshot to give.");
  const state = decodeReplicaState(row);
  return {
    clusterId: options.clusterId,
    nodeId: options.nodeId,
    metadata: { index: state.appliedIndex, term: state.appliedTerm, confState: state.confState },
    logTimeMs: state.logTimeMs,
    chain: state.chain,
    digest: state.digest,
  };
}

/** Rows side by side as bytes, handed out in pieces of one size without regard to where a row ends. */
class Chunk {
  rows = 0;
  bytes = 0;
  readonly #sha256: Hash;
  readonly #buffer: Uint8Array;
  #length = 0;

  constructor(size: number, sha256: Hash) {
    this.#sha256 = sha256;
    this.#buffer = new Uint8Array(size);
  }

  /** Views, each valid until the next one is asked for. */
  *add(rows: readonly TableEntry[]): Generator<Uint8Array, void, void> {
    for (const { key, value } of rows) {
      this.rows++;
      yield* this.#append(new ByteWriter(key.length + 8).bytes(key).u32(value.length).view());
      yield* this.#append(value);
    }
  }

  /** What is left for the last frame. */
  rest(): Uint8Array {
    return this.#buffer.subarray(0, this.#length);
  }

  *#append(bytes: Uint8Array): Generator<Uint8Array, void, void> {
    this.bytes += bytes.length;
    this.#sha256.update(bytes);
    for (let at = 0; at < bytes.length; ) {
      const piece = bytes.subarray(at, at + this.#buffer.length - this.#length);
      this.#buffer.set(piece, this.#length);
      this.#length += piece.length;
      at += piece.length;
      if (this.#length < this.#buffer.length) continue;
      yield this.#buffer;
      this.#length = 0;
    }
  }
}
