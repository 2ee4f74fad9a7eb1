/**
 * The word of an open node on its own state: where it stands and the SHA-256 of all rows, as the header and the trailer of a
 * snapshot say it, signed like one. Whoever holds the same rows at the same index comes to the same, so nothing else has to
 * travel. Request: version u8 (1), u48 least index. Answer: version u8 (1), bytes header, bytes trailer.
 */
import { toNodeId } from "@strongroom/raft";
import { ByteReader, ByteWriter, StrongroomError, utf8 } from "@strongroom/runtime";
import type { ClusterClient } from "../port/cluster-client.ts";
import type { WorkerStore } from "../port/worker-store.ts";
import { decodeHeader, decodeTrailer, encodeHeader, encodeTrailer } from "../snapshot/payload.ts";
import { SnapshotSource } from "../snapshot/source.ts";
import type { SnapshotHeader, SnapshotSigner, SnapshotTrailer } from "../snapshot/types.ts";

export const STATE_TESTIMONY_METHOD = "state.testimony";

export interface Testimony {
  readonly header: SnapshotHeader;
  readonly trailer: SnapshotTrailer;
}

/** A sealed member signs nothing, and one that is busy or behind says so. */
class NoTestimonyError extends StrongroomError {
  readonly code = "unavailable";
}

export interface TestimonyParts {
  readonly store: Pick<WorkerStore, "nodeId" | "clock" | "stateAt">;
  readonly client: Pick<ClusterClient, "serve">;
  /** Undefined while sealed. */
  readonly signer: SnapshotSigner;
}

const VERSION = 1;
const WAIT_TIMEOUT_MS = 10_000;

/** Answers members that ask. One at a time: each answer reads the whole state. */
export function serveTestimonies({ store, client, signer }: TestimonyParts): void {
  let busy = false;
  client.serve(STATE_TESTIMONY_METHOD, async (payload, caller) => {
    if (caller.nodeId === undefined) throw new NoTestimonyError("only members are told about the state");
    if (busy) throw new NoTestimonyError("this member is vouching for another; ask again");
    busy = true;
    try {
      const leastIndex = decodeTestimonyRequest(payload);
      const view = await store.stateAt(leastIndex, { deadlineMs: store.clock.monotonicMs() + WAIT_TIMEOUT_MS });
      const source = new SnapshotSource(view, { clusterId: utf8(""), nodeId: toNodeId(store.nodeId), signer });
      const trailer = await source.sums();
      if (trailer.keyId === 0) throw new NoTestimonyError("this member is sealed itself; ask another");
      return encodeTestimony({ header: source.header, trailer });
    } finally {
      busy = false;
    }
  });
}

export function encodeTestimonyRequest(leastIndex: number): Uint8Array {
  return new ByteWriter(7).u8(VERSION).u48(leastIndex).finish();
}

export function decodeTestimony(bytes: Uint8Array): Testimony {
  const reader = versioned(bytes);
  return { header: decodeHeader(reader.bytes()), trailer: decodeTrailer(reader.bytes()) };
}

function encodeTestimony({ header, trailer }: Testimony): Uint8Array {
  const writer = new ByteWriter(512).u8(VERSION).bytes(encodeHeader(header));
  return writer.bytes(encodeTrailer(trailer)).finish();
}

function decodeTestimonyRequest(bytes: Uint8Array): number {
  return versioned(bytes).u48();
}

function versioned(bytes: Uint8Array): ByteReader {
  const reader = new ByteReader(bytes);
  const version = reader.u8();
  if (version !== VERSION)
    throw new NoTestimonyError(`the message has version ${version}; this member knows ${VERSION}`);
  return reader;
}
