/**
 * Where a replica stands, as one row that is written in the same batch as what it speaks of, so that the state's index and
 * its content never differ. Byte by byte in `docs/formats/snapshot.md`.
 */
import { type ConfState, EMPTY_CONF_STATE, type Index, type Term, toIndex, toTerm } from "@strongroom/raft";
import { ByteReader, ByteWriter, ShortInputError } from "@strongroom/runtime";
import { ABSENT_REVISION, type Revision } from "@strongroom/storage";
import { readConfState, writeConfState } from "./conf-state.ts";
import { CHAIN_START } from "./entry-chain.ts";
import { ReplicaFatalError } from "./errors.ts";
import { HASH_BYTES, RowDigest } from "./row-digest.ts";

const VERSION = 1;

export interface ReplicaState {
  readonly appliedIndex: Index;
  readonly appliedTerm: Term;
  /** The log's time at the applied index, in milliseconds since 1970-01-01 UTC. */
  readonly logTimeMs: number;
  /** The link of the entry chain at the applied index. */
  readonly chain: Uint8Array;
  /** The digest of all replicated rows. */
  readonly digest: Uint8Array;
  /** Of the epoch's row. */
  readonly epochRevision: Revision;
  readonly confState: ConfState;
}

/** Before the first entry. */
export function initialReplicaState(confState: ConfState = EMPTY_CONF_STATE): ReplicaState {
  return {
    appliedIndex: toIndex(0),
    appliedTerm: toTerm(0),
    logTimeMs: 0,
    chain: CHAIN_START,
    digest: new RowDigest().bytes(),
    epochRevision: ABSENT_REVISION,
    confState,
  };
}

export function encodeReplicaState(state: ReplicaState): Uint8Array {
  const writer = new ByteWriter(192).u8(VERSION).u64(state.appliedIndex).u64(state.appliedTerm).u48(state.logTimeMs);
  writer.raw(state.chain).raw(state.digest);
  writer.u48(state.epochRevision.index).u16(state.epochRevision.position);
  writeConfState(writer, state.confState);
  return writer.finish();
}

/** Throws `ReplicaFatalError` for a row that is damaged or of a newer version. */
export function decodeReplicaState(bytes: Uint8Array): ReplicaState {
  try {
    const reader = versioned(bytes);
    const state: ReplicaState = {
      appliedIndex: toIndex(reader.u64()),
      appliedTerm: toTerm(reader.u64()),
      logTimeMs: reader.u48(),
      chain: Uint8Array.from(reader.raw(HASH_BYTES)),
      digest: Uint8Array.from(reader.raw(HASH_BYTES)),
      epochRevision: { index: reader.u48(), position: reader.u16() },
      confState: readConfState(reader),
    };
    if (reader.remaining !== 0) throw new ShortInputError("bytes follow its end");
    return state;
  } catch (error) {
    if (error instanceof ShortInputError) throw damaged(error);
    throw error;
  }
}

/** The applied index alone, for a reader of a table's snapshot. Throws as `decodeReplicaState`. */
export function decodeAppliedIndex(bytes: Uint8Array): Index {
  try {
    return toIndex(versioned(bytes).u64());
  } catch (error) {
    if (error instanceof ShortInputError) throw damaged(error);
    throw error;
  }
}

function versioned(bytes: Uint8Array): ByteReader {
  const reader = new ByteReader(bytes);
  const version = reader.u8();
  if (version !== VERSION) {
    throw new ReplicaFatalError(
      `The state in this data directory has version ${version}; this server knows ${VERSION}. Start a server that knows it.`,
    );
  }
  return reader;
}

function damaged(cause: Error): ReplicaFatalError {
  return new ReplicaFatalError(
    "The row that says where this replica stands is damaged. Rebuild this node from its peers.",
    {
      cause,
    },
  );
}
