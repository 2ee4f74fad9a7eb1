/**
 * What all members of a cluster understand, as a number in a replicated row. Software that is upgraded node by node lives for a
 * while beside what it replaces; it reads everything that it knows, and writes nothing that is newer than the cluster's version.
 * The number rises by a command, once every member says that it supports it, and never falls. Byte by byte in
 * `docs/formats/snapshot.md`.
 *
 * | version | since then |
 * |---|---|
 * | 1 | a new cluster begins with it |
 * | 2 | checkpoints are signed |
 */
import { ByteReader, ByteWriter, equalBytes, ShortInputError } from "@strongroom/runtime";
import { type Command, KEY_KIND, makeKey } from "@strongroom/storage";
import { ReplicaFatalError } from "../state/errors.ts";

const FIRST_VERSION = 1;

/** The newest that this software understands. */
export const SUPPORTED_VERSION = 2;

/** From this cluster version on a feature may be used. */
export const VERSION_OF = { checkpoints: 2 } as const;

export const CLUSTER_VERSION_KEY: Uint8Array = makeKey(KEY_KIND.cluster, Uint8Array.of(2));

const FORMAT = 1;

/** The cluster has gone further than this software can follow. */
export class NewerClusterError extends ReplicaFatalError {}

export function encodeClusterVersion(version: number): Uint8Array {
  return new ByteWriter(5).u8(FORMAT).u32(version).finish();
}

/** The version in the row's value; `Infinity` for what only newer software can have written. */
export function decodeClusterVersion(value: Uint8Array | undefined): number {
  if (value === undefined) return FIRST_VERSION;
  try {
    const reader = new ByteReader(value);
    const format = reader.u8();
    const version = reader.u32();
    return format === FORMAT && reader.remaining === 0 ? version : Number.POSITIVE_INFINITY;
  } catch (error) {
    if (error instanceof ShortInputError) return Number.POSITIVE_INFINITY;
    throw error;
  }
}

/** Throws `NewerClusterError` if this node may not take part in a cluster of `version`. */
export function requireSupported(version: number, supported: number): void {
  if (version <= supported) return;
  const what = version === Number.POSITIVE_INFINITY ? "a later one" : String(version);
  throw new NewerClusterError(
    `The cluster's version is ${what}; this server supports ${supported} and cannot read what the others write. Start a newer server on this data directory; nothing was lost.`,
  );
}

/** Why a command may not do to the version what it does, or undefined: it only ever rises. Alike on all replicas. */
export function refuseVersion(command: Command, current: number): string | undefined {
  for (const mutation of command.mutations) {
    if (!equalBytes(mutation.key, CLUSTER_VERSION_KEY)) continue;
    if (mutation.kind === "delete") return "the cluster's version is not taken away";
    if (decodeClusterVersion(mutation.value) <= current) return "the cluster's version does not fall";
  }
  return undefined;
}
