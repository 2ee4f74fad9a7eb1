/**
 * What a replica held at fixed places of the log: chain and digests after every 1,024th entry. Voters compare them with each
 * other, and a signed checkpoint speaks of one of them; so the latest are kept, in a row of the replica's own.
 */
import { toIndex } from "@strongroom/raft";
import { ByteReader, ByteWriter, ShortInputError } from "@strongroom/runtime";
import { ReplicaFatalError } from "./errors.ts";
import { HASH_BYTES } from "./row-digest.ts";
import type { Milestone } from "./types.ts";

export const MILESTONE_EVERY = 1024;

const MILESTONES_KEPT = 16;

const VERSION = 1;

/** The latest ones, and that of the newest checkpoint, without which the checkpoint would prove nothing. */
export function keepMilestones(milestones: readonly Milestone[], checkpointIndex: number): readonly Milestone[] {
  const latest = milestones.slice(-MILESTONES_KEPT);
  const older = milestones.slice(0, -MILESTONES_KEPT).filter(({ index }) => index === checkpointIndex);
  return [...older, ...latest];
}

export function encodeMilestones(milestones: readonly Milestone[]): Uint8Array {
  const writer = new ByteWriter(8 + 104 * milestones.length).u8(VERSION).u16(milestones.length);
  for (const { index, chain, digest, proposersHash } of milestones) {
    writer.u64(index).raw(chain).raw(digest).raw(proposersHash);
  }
  return writer.finish();
}

/** Throws `ReplicaFatalError`. */
export function decodeMilestones(bytes: Uint8Array): readonly Milestone[] {
  try {
    const reader = new ByteReader(bytes);
    if (reader.u8() !== VERSION) throw new ShortInputError("it is of an unknown version");
    const milestones: Milestone[] = [];
    for (let left = reader.u16(); left > 0; left--) {
      const index = toIndex(reader.u64());
      const [chain, digest, proposersHash] = [readHash(reader), readHash(reader), readHash(reader)];
      milestones.push({ index, chain, digest, proposersHash });
    }
    if (reader.remaining !== 0) throw new ShortInputError("bytes follow its end");
    return milestones;
  } catch (cause) {
    if (!(cause instanceof ShortInputError)) throw cause;
    throw new ReplicaFatalError(
      "The row of digests is damaged or written by a newer server. Rebuild this node from its peers.",
      { cause },
    );
  }
}

function readHash(reader: ByteReader): Uint8Array {
  return Uint8Array.from(reader.raw(HASH_BYTES));
}
