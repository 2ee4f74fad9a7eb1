/**
 * A checkpoint is a milestone that an open node has signed: one replicated row, the newest takes the place of the one before.
 * A node that was sealed could check nothing of what it applied; if it came to the very values of a checkpoint by itself,
 * then it applied what open nodes applied. Byte by byte in `docs/formats/snapshot.md`.
 */
import { toIndex } from "@strongroom/raft";
import { ByteReader, ByteWriter, equalBytes, ShortInputError, utf8 } from "@strongroom/runtime";
import { type Command, KEY_KIND, MAC_BYTES, makeKey } from "@strongroom/storage";
import { HASH_BYTES } from "./row-digest.ts";
import type { Milestone } from "./types.ts";

export const CHECKPOINT_KEY: Uint8Array = makeKey(KEY_KIND.checkpoint);

export interface Checkpoint extends Milestone {
  readonly keyId: number;
  readonly mac: Uint8Array;
}

const VERSION = 1;
const MAC_CONTEXT = utf8("strongroom checkpoint 1\0");

/** The value of its row. */
export function encodeCheckpoint(checkpoint: Checkpoint): Uint8Array {
  const { index, chain, digest, proposersHash, keyId, mac } = checkpoint;
  const writer = new ByteWriter(144).u8(VERSION).u64(index).raw(chain).raw(digest).raw(proposersHash);
  return writer.u32(keyId).raw(mac).finish();
}

/** Undefined for what is none of this version. */
export function decodeCheckpoint(bytes: Uint8Array): Checkpoint | undefined {
  try {
    const reader = new ByteReader(bytes);
    if (reader.u8() !== VERSION) return undefined;
    const index = toIndex(reader.u64());
    const [chain, digest, proposersHash] = [readHash(reader), readHash(reader), readHash(reader)];
    const keyId = reader.u32();
    const mac = Uint8Array.from(reader.raw(MAC_BYTES));
    return reader.remaining === 0 ? { index, chain, digest, proposersHash, keyId, mac } : undefined;
  } catch (error) {
    if (error instanceof ShortInputError) return undefined;
    throw error;
  }
}

/** What the MAC covers. The text before it keeps it from being the MAC of anything else. */
export function checkpointMacInput({ index, chain, digest, proposersHash }: Milestone): Uint8Array {
  return new ByteWriter(160).raw(MAC_CONTEXT).u64(index).raw(chain).raw(digest).raw(proposersHash).finish();
}

export function sameMilestone(a: Milestone, b: Milestone): boolean {
  return (
    a.index === b.index &&
    equalBytes(a.chain, b.chain) &&
    equalBytes(a.digest, b.digest) &&
    equalBytes(a.proposersHash, b.proposersHash)
  );
}

/**
 * Why a command may not do to the checkpoint what it does, or undefined. It has to name a milestone that is kept, and a
 * later one than before: the log is kept above it, and its values are. Alike on all replicas; whether the values are right
 * is not decided here, since a replica whose own are wrong must not differ in this too.
 */
export function refuseCheckpoint(
  command: Command,
  known: { readonly milestones: readonly Milestone[]; readonly checkpointIndex: number },
): string | undefined {
  for (const mutation of command.mutations) {
    if (!equalBytes(mutation.key, CHECKPOINT_KEY)) continue;
    const named = mutation.kind === "put" ? decodeCheckpoint(mutation.value) : undefined;
    if (named === undefined) return "it writes no checkpoint where one has to be";
    if (named.index <= known.checkpointIndex) return "a later checkpoint is there already";
    if (!known.milestones.some(({ index }) => index === named.index)) return "it names no milestone that is kept";
  }
  return undefined;
}

function readHash(reader: ByteReader): Uint8Array {
  return Uint8Array.from(reader.raw(HASH_BYTES));
}
