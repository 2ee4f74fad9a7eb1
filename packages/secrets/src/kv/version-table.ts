/**
 * What is known of each version that a secret still has: always an unbroken run that ends at the current version. Kept as
 * the bytes of its row, 13 a version (created u48, deleted u48, flags u8), so that a read decodes the one it wants.
 */
import { assert, ByteReader } from "@strongroom/runtime";

export interface VersionMetadata {
  /** Log time, milliseconds since 1970. */
  readonly createdMs: number;
  /** When it counts as deleted, perhaps in the future; 0: never. */
  readonly deletedMs: number;
  /** Its data is gone for good. */
  readonly destroyed: boolean;
}

const RECORD_BYTES = 13;
const DESTROYED = 1;
const U32 = 2 ** 32;

/** Immutable. */
export class VersionTable {
  static readonly EMPTY: VersionTable = new VersionTable(1, new Uint8Array(0));

  /** The lowest version in the table, or the one that would come first. */
  readonly first: number;
  readonly #records: Uint8Array;

  constructor(first: number, records: Uint8Array) {
    assert(records.length % RECORD_BYTES === 0, "a table of versions ends inside a record");
    this.first = first;
    this.#records = records;
  }

  static ending(last: number, records: Uint8Array): VersionTable {
    return new VersionTable(last - records.length / RECORD_BYTES + 1, records);
  }

  get count(): number {
    return this.#records.length / RECORD_BYTES;
  }

  /** The row's bytes; not to be changed. */
  get records(): Uint8Array {
    return this.#records;
  }

  /** Ascending. */
  versions(): number[] {
    return Array.from({ length: this.count }, (_, i) => this.first + i);
  }

  get(version: number): VersionMetadata | undefined {
    if (version < this.first || version >= this.first + this.count) return undefined;
    const reader = new ByteReader(this.#records, (version - this.first) * RECORD_BYTES);
    return { createdMs: reader.u48(), deletedMs: reader.u48(), destroyed: (reader.u8() & DESTROYED) !== 0 };
  }

  /** With `changes` in place; each of their versions is in the table. */
  with(changes: ReadonlyMap<number, VersionMetadata>): VersionTable {
    const records = this.#records.slice();
    for (const [version, metadata] of changes) {
      assert(this.get(version) !== undefined, "a version that is not in the table cannot change");
      writeRecord(records, (version - this.first) * RECORD_BYTES, metadata);
    }
    return new VersionTable(this.first, records);
  }

  /** With `metadata` as the next version, and without what lies below `from`. */
  append(metadata: VersionMetadata, from: number = this.first): VersionTable {
    const dropped = Math.min(Math.max(from - this.first, 0), this.count);
    const kept = this.#records.subarray(dropped * RECORD_BYTES);
    const records = new Uint8Array(kept.length + RECORD_BYTES);
    records.set(kept);
    writeRecord(records, kept.length, metadata);
    return new VersionTable(this.first + dropped, records);
  }
}

function writeRecord(records: Uint8Array, at: number, metadata: VersionMetadata): void {
  writeU48(records, at, metadata.createdMs);
  writeU48(records, at + 6, metadata.deletedMs);
  records[at + 12] = metadata.destroyed ? DESTROYED : 0;
}

/** In place: a `ByteWriter` would make a buffer for each record. A fraction is cut off, as by the writer. */
function writeU48(bytes: Uint8Array, at: number, value: number): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset + at, 6);
  view.setUint16(0, Math.floor(value / U32));
  view.setUint32(2, value % U32);
}
