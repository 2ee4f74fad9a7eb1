/**
 * A snapshot on its way between two replicas: a preamble that says in which term the sender decided to send it, then the
 * snapshot in the format that files have too. Preamble: version u8, term u64.
 */
import type { Readable, Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { type Term, toTerm } from "@strongroom/raft";
import { ByteReader, ByteWriter, concatBytes, StrongroomError } from "@strongroom/runtime";

/** A stream of snapshot bytes does not begin as it should. */
class SnapshotStreamError extends StrongroomError {
  readonly code = "bad_snapshot_stream";
}

const VERSION = 1;
const PREAMBLE_BYTES = 9;

/** Resolves when the receiver has read all of it. */
export async function sendSnapshot(content: AsyncIterable<Uint8Array>, term: number, to: Writable): Promise<void> {
  async function* all(): AsyncGenerator<Uint8Array> {
    yield new ByteWriter(PREAMBLE_BYTES).u8(VERSION).u64(term).finish();
    yield* content;
  }
  await pipeline(all(), to);
}

/** Reads the preamble; `content` is the rest, which must be read to its end. */
export async function receiveSnapshot(
  stream: Readable,
): Promise<{ readonly term: Term; readonly content: AsyncIterable<Uint8Array> }> {
  const chunks: AsyncIterator<Uint8Array> = stream[Symbol.asyncIterator]();
  let head: Uint8Array = new Uint8Array(0);
  while (head.length < PREAMBLE_BYTES) {
    const next = await chunks.next();
    if (next.done === true) throw new SnapshotStreamError("the snapshot's stream ended before it began");
    head = concatBytes([head, next.value]);
  }
  const reader = new ByteReader(head);
  const version = reader.u8();
  if (version !== VERSION)
    throw new SnapshotStreamError(
      `the snapshot's stream has version ${version}, this server knows ${VERSION}: upgrade it`,
    );
  const term = toTerm(reader.u64());
  async function* rest(): AsyncGenerator<Uint8Array> {
    if (head.length > PREAMBLE_BYTES) yield head.subarray(PREAMBLE_BYTES);
    for (;;) {
      const next = await chunks.next();
      if (next.done === true) return;
      yield next.value;
    }
  }
  return { term, content: rest() };
}
