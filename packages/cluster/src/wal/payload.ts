/** What stands in the log's records. Byte by byte in `docs/formats/wal.md`. Readers throw `ShortInputError`. */
import {
  type Entry,
  type EntryType,
  type HardState,
  type SnapshotMetadata,
  toIndex,
  toNodeId,
  toTerm,
} from "@strongroom/raft";
import { ByteReader, ByteWriter, fromUtf8, present, ShortInputError, utf8 } from "@strongroom/runtime";
import { readConfState, writeConfState } from "../state/conf-state.ts";
import type { InstalledSnapshot, WalBase, WalIdentity } from "./types.ts";

/** First record of a segment: all that is needed to go on without the segments before it. */
export interface HeadPayload {
  readonly identity: WalIdentity;
  readonly sequence: number;
  /** The last entry when the segment began. */
  readonly base: WalBase;
  readonly hardState: HardState;
  readonly installed: InstalledSnapshot | undefined;
}

export interface EntriesPayload {
  readonly hardState: HardState;
  /** Of the entry before the first. */
  readonly previousTerm: number;
  readonly entries: readonly Entry[];
}

export interface InstalledPayload {
  readonly hardState: HardState;
  readonly installed: InstalledSnapshot;
}

const ENTRY_TYPES: readonly EntryType[] = ["EntryNormal", "EntryConfChange", "EntryConfChangeV2"];
const ENTRY_TYPE_NUMBERS: ReadonlyMap<EntryType, number> = new Map(ENTRY_TYPES.map((type, number) => [type, number]));
const ENTRIES_HEADER_BYTES = 44;
const ENTRY_HEADER_BYTES = 13;
const U32 = 2 ** 32;

export function encodeHead(head: HeadPayload): Uint8Array {
  const writer = new ByteWriter(256).u64(head.identity.nodeId).bytes(head.identity.clusterId);
  writer.u64(head.sequence).u64(head.base.index).u64(head.base.term);
  writeHardState(writer, head.hardState);
  writer.u8(head.installed === undefined ? 0 : 1);
  if (head.installed !== undefined) writeInstalled(writer, head.installed);
  return writer.finish();
}

export function decodeHead(payload: Uint8Array): HeadPayload {
  return whole(payload, (reader) => {
    const identity = { nodeId: toNodeId(reader.u64()), clusterId: Uint8Array.from(reader.bytes()) };
    const sequence = reader.u64();
    const base = { index: toIndex(reader.u64()), term: toTerm(reader.u64()) };
    const hardState = readHardState(reader);
    return { identity, sequence, base, hardState, installed: reader.u8() === 1 ? readInstalled(reader) : undefined };
  });
}

export function encodeHardState(hardState: HardState): Uint8Array {
  const writer = new ByteWriter(24);
  writeHardState(writer, hardState);
  return writer.finish();
}

export function decodeHardState(payload: Uint8Array): HardState {
  return whole(payload, readHardState);
}

export function encodeInstalled(record: InstalledPayload): Uint8Array {
  const writer = new ByteWriter(128);
  writeHardState(writer, record.hardState);
  writeInstalled(writer, record.installed);
  return writer.finish();
}

export function decodeInstalled(payload: Uint8Array): InstalledPayload {
  return whole(payload, (reader) => ({ hardState: readHardState(reader), installed: readInstalled(reader) }));
}

/** Bytes of the entry within a payload. */
export function entryBytes(entry: Entry): number {
  return ENTRY_HEADER_BYTES + entry.data.length;
}

/** Bytes of a payload whose entries take `bytesOfEntries`. */
export function entriesPayloadBytes(bytesOfEntries: number): number {
  return ENTRIES_HEADER_BYTES + bytesOfEntries;
}

/** Writes the payload at `offset` of `buffer`: the one hot path, so without a writer in between. */
export function encodeEntriesInto(buffer: Uint8Array, offset: number, payload: EntriesPayload): void {
  const view = new DataView(buffer.buffer, buffer.byteOffset, buffer.byteLength);
  const { hardState, entries } = payload;
  const first = present(entries[0], "a record of entries has an entry").index;
  setUint53(view, offset, hardState.term);
  setUint53(view, offset + 8, hardState.vote);
  setUint53(view, offset + 16, hardState.commit);
  setUint53(view, offset + 24, first);
  setUint53(view, offset + 32, payload.previousTerm);
  view.setUint32(offset + 40, entries.length);
  let at = offset + ENTRIES_HEADER_BYTES;
  for (const entry of entries) {
    setUint53(view, at, entry.term);
    view.setUint8(at + 8, present(ENTRY_TYPE_NUMBERS.get(entry.type), "the type of an entry is known"));
    view.setUint32(at + 9, entry.data.length);
    buffer.set(entry.data, at + ENTRY_HEADER_BYTES);
    at += ENTRY_HEADER_BYTES + entry.data.length;
  }
}

/** The data of the entries are views into `payload`. */
export function decodeEntries(payload: Uint8Array): EntriesPayload {
  return whole(payload, (reader) => {
    const hardState = readHardState(reader);
    const first = reader.u64();
    const previousTerm = reader.u64();
    const count = reader.u32();
    if (count === 0) throw new ShortInputError("a record of entries is empty");
    const entries: Entry[] = [];
    for (let i = 0; i < count; i++) {
      const term = toTerm(reader.u64());
      const type = ENTRY_TYPES[reader.u8()];
      if (type === undefined) throw new ShortInputError("an entry's type is unknown");
      entries.push({ term, index: toIndex(first + i), type, data: reader.bytes() });
    }
    return { hardState, previousTerm, entries };
  });
}

function whole<T>(payload: Uint8Array, read: (reader: ByteReader) => T): T {
  const reader = new ByteReader(payload);
  const value = read(reader);
  if (reader.remaining !== 0) throw new ShortInputError("a record is longer than what stands in it");
  return value;
}

function writeHardState(writer: ByteWriter, hardState: HardState): void {
  writer.u64(hardState.term).u64(hardState.vote).u64(hardState.commit);
}

function readHardState(reader: ByteReader): HardState {
  return { term: toTerm(reader.u64()), vote: toNodeId(reader.u64()), commit: toIndex(reader.u64()) };
}

function writeInstalled(writer: ByteWriter, installed: InstalledSnapshot): void {
  const { metadata } = installed;
  writer.u64(metadata.index).u64(metadata.term);
  writeConfState(writer, metadata.confState);
  writer.bytes(utf8(installed.generation));
}

function readInstalled(reader: ByteReader): InstalledSnapshot {
  const index = toIndex(reader.u64());
  const term = toTerm(reader.u64());
  const metadata: SnapshotMetadata = { index, term, confState: readConfState(reader) };
  return { metadata, generation: fromUtf8(reader.bytes()) };
}

function setUint53(view: DataView, at: number, value: number): void {
  view.setUint32(at, Math.floor(value / U32));
  view.setUint32(at + 4, value % U32);
}
