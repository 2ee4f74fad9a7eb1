/**
 * What is kept about a secret apart from its data, and its row: format (1), cas_required, created and updated (u48), current
 * and oldest version (u48), max_versions (u32), delete_version_after in seconds (u48), custom metadata (u32 length, JSON, or
 * nothing), and the table of versions to the row's end.
 */
import { assert, ByteReader, ByteWriter } from "@strongroom/runtime";
import { VersionTable } from "./version-table.ts";

export interface KeyMetadata {
  /** Log time, milliseconds since 1970. */
  readonly createdMs: number;
  readonly updatedMs: number;
  /** 0: no version was ever written. */
  readonly currentVersion: number;
  /** 0 until old versions were dropped for the first time, as Vault counts; then the lowest that is kept. */
  readonly oldestVersion: number;
  /** 0: the mount's. */
  readonly maxVersions: number;
  readonly casRequired: boolean;
  /** 0: the mount's. */
  readonly deleteVersionAfterSeconds: number;
  /** A JSON object of strings in the client's own bytes; empty: none. */
  readonly customMetadata: Uint8Array;
  readonly versions: VersionTable;
}

const FORMAT = 1;
/** Of a row without custom metadata and versions. */
const HEAD_BYTES = 40;

export function newKeyMetadata(nowMs: number): KeyMetadata {
  return {
    createdMs: nowMs,
    updatedMs: nowMs,
    currentVersion: 0,
    oldestVersion: 0,
    maxVersions: 0,
    casRequired: false,
    deleteVersionAfterSeconds: 0,
    customMetadata: new Uint8Array(0),
    versions: VersionTable.EMPTY,
  };
}

/** A buffer of its own. */
export function encodeKeyMetadata(metadata: KeyMetadata): Uint8Array {
  return new ByteWriter(HEAD_BYTES + metadata.customMetadata.length + metadata.versions.records.length)
    .u8(FORMAT)
    .u8(metadata.casRequired ? 1 : 0)
    .u48(metadata.createdMs)
    .u48(metadata.updatedMs)
    .u48(metadata.currentVersion)
    .u48(metadata.oldestVersion)
    .u32(metadata.maxVersions)
    .u48(metadata.deleteVersionAfterSeconds)
    .bytes(metadata.customMetadata)
    .raw(metadata.versions.records)
    .view();
}

/** Keeps views of `row`. */
export function decodeKeyMetadata(row: Uint8Array): KeyMetadata {
  const reader = new ByteReader(row);
  assert(reader.u8() === FORMAT, "the metadata of a secret has an unknown format");
  const casRequired = reader.u8() === 1;
  const createdMs = reader.u48();
  const updatedMs = reader.u48();
  const currentVersion = reader.u48();
  const oldestVersion = reader.u48();
  const maxVersions = reader.u32();
  const deleteVersionAfterSeconds = reader.u48();
  const customMetadata = reader.bytes();
  const versions = VersionTable.ending(currentVersion, reader.raw(reader.remaining));
  return {
    createdMs,
    updatedMs,
    currentVersion,
    oldestVersion,
    maxVersions,
    casRequired,
    deleteVersionAfterSeconds,
    customMetadata,
    versions,
  };
}
