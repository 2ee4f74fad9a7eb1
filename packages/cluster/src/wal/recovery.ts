/**
 * Reads a log at start. The rule that tells a crash from rot: a bad record may be the torn end of a write that was never
 * acknowledged, and is then cut away; but if a later record says that the place of the bad one was already durable when it
 * was written, then something acknowledged is gone, and the node may not go on as if nothing had been there.
 *
 * The hole that remains: rot in the records after the last sync but one, which no later record vouches for.
 */

import { RaftInvariantError } from "@strongroom/raft";
import { asError, assert, ShortInputError } from "@strongroom/runtime";
import { executeOperations } from "./operations.ts";
import { decodeEntries, decodeHardState, decodeHead, decodeInstalled } from "./payload.ts";
import { RECORD_TYPE, type RecordFrame, readRecord } from "./record.ts";
import { RecoveredLog, WalDamage } from "./recovered-log.ts";
import { encodeHeadRecord, makeSegment, NEXT_SEGMENT, SEGMENT_BYTES, segmentName, segmentSequence } from "./segment.ts";
import type { InstalledSnapshot, WalContents, WalIdentity, WalRecovery, WalSegment } from "./types.ts";
import type { WalDisk } from "./wal-disk.ts";

/** Makes the log of a node that has none. `installed` names its first generation, if that is not the initial one. */
export function createWal(
  disk: WalDisk,
  identity: WalIdentity,
  options: { readonly installed?: InstalledSnapshot; readonly segmentBytes?: number } = {},
): WalContents {
  const { installed } = options;
  const log = new RecoveredLog();
  const base = installed?.metadata ?? log.base;
  const head = encodeHeadRecord(
    {
      identity,
      sequence: 1,
      base: { index: base.index, term: base.term },
      hardState: { ...log.hardState, term: base.term, commit: base.index },
      installed,
    },
    { chain: 0, position: 0 },
  );
  disk.remove(NEXT_SEGMENT);
  const fileBytes = Math.max(options.segmentBytes ?? SEGMENT_BYTES, head.bytes.length);
  executeOperations(disk, makeSegment({ sequence: 1, head: head.bytes, zeroed: 0, fileBytes }));
  const recovery = recoverWal(disk);
  assert(recovery.status === "ok", "a new log is sound");
  return recovery;
}

/** Reads the log and removes the traces of a crash. Changes nothing if the log is damaged. Throws what the disk throws. */
export function recoverWal(disk: WalDisk): WalRecovery {
  const sequences = disk
    .list()
    .map(segmentSequence)
    .filter((sequence) => sequence !== undefined)
    .sort((a, b) => a - b);
  if (sequences.length === 0) return { status: "empty" };
  try {
    const scan = new Scan(disk);
    for (const sequence of sequences) scan.segment(sequence);
    return scan.finish();
  } catch (error) {
    if (error instanceof WalDamage) return { status: "damaged", reason: error.message };
    throw error;
  }
}

class Scan {
  readonly #disk: WalDisk;
  readonly #log = new RecoveredLog();
  readonly #segments: WalSegment[] = [];
  #name = "";
  #bytes: Uint8Array = new Uint8Array(0);
  #used = 0;
  #position = 0;
  #chain = 0;

  constructor(disk: WalDisk) {
    this.#disk = disk;
  }

  segment(sequence: number): void {
    const previous = this.#segments.at(-1);
    this.#name = segmentName(sequence);
    if (previous !== undefined && previous.sequence + 1 !== sequence) {
      throw new WalDamage(`${segmentName(previous.sequence + 1)} is missing before ${this.#name}`);
    }
    this.#bytes = this.#disk.read(this.#name);
    this.#used = 0;
    this.#head(sequence, previous === undefined);
    for (let record = this.#next(); record !== undefined; record = this.#next()) {
      const sound = record;
      this.#apply(sound, () => this.#body(sound));
    }
  }

  finish(): WalContents {
    const end = this.#endOfTail();
    this.#refuseDamage(end);
    const tornBytes = this.#cutTornTail(end);
    this.#disk.remove(NEXT_SEGMENT);
    const log = this.#log;
    assert(log.identity !== undefined, "a head was read");
    return {
      status: "ok",
      identity: log.identity,
      hardState: log.hardState,
      entries: log.entries,
      firstIndex: (log.base.index + 1) as WalContents["firstIndex"],
      base: log.base,
      ...(log.installed === undefined ? {} : { installed: log.installed }),
      tornBytes,
      resume: {
        segments: this.#segments,
        segmentBytes: this.#bytes.length,
        usedBytes: this.#used,
        position: this.#position,
        chain: this.#chain,
      },
    };
  }

  /** A segment gets its name only when its head is durable, so a bad head is never the trace of a crash. */
  #head(sequence: number, first: boolean): void {
    const record = readRecord(this.#bytes, 0);
    if (record === undefined || record.type !== RECORD_TYPE.head) throw this.#damage("its head is unreadable");
    if (first) this.#position = record.position;
    else if (record.position !== this.#position || record.chain !== this.#chain) {
      throw this.#damage("it does not continue the segment before it, whose end is unreadable");
    }
    this.#apply(record, () => {
      const head = decodeHead(record.payload);
      if (head.sequence !== sequence) throw new WalDamage("its head belongs to another segment");
      this.#log.head(head);
    });
    this.#segments.push({ sequence, firstIndex: this.#log.lastIndex + 1 });
  }

  /** The next record that continues the chain in this segment. */
  #next(): RecordFrame | undefined {
    const record = readRecord(this.#bytes, this.#used);
    if (record === undefined || record.type === RECORD_TYPE.head) return undefined;
    return record.position === this.#position && record.chain === this.#chain ? record : undefined;
  }

  #apply(record: RecordFrame, body: () => void): void {
    try {
      body();
    } catch (error) {
      // The checksum is right, so these bytes were written like this: nothing that a crash does.
      const bad = error instanceof ShortInputError || error instanceof TypeError || error instanceof RaftInvariantError;
      if (!bad && !(error instanceof WalDamage)) throw error;
      throw this.#damage(asError(error).message);
    }
    this.#used += record.bytes;
    this.#position += record.bytes;
    this.#chain = record.crc;
  }

  #body(record: RecordFrame): void {
    switch (record.type) {
      case RECORD_TYPE.head:
        throw new WalDamage("a head stands inside a segment");
      case RECORD_TYPE.entries:
        this.#log.group(decodeEntries(record.payload));
        break;
      case RECORD_TYPE.hardState:
        this.#log.state(decodeHardState(record.payload));
        break;
      case RECORD_TYPE.installed:
        this.#log.install(decodeInstalled(record.payload));
        break;
    }
  }

  /** Records behind the end were written before the crash, in whatever order they reached the disk. */
  #refuseDamage(end: number): void {
    for (let at = this.#used; at < end; at += 8) {
      const record = readRecord(this.#bytes, at);
      if (record !== undefined && record.synced > this.#position) {
        throw this.#damage(`a record is unreadable although the log was synced up to ${record.synced} later`);
      }
    }
  }

  #endOfTail(): number {
    let end = this.#bytes.length;
    while (end > this.#used && this.#bytes[end - 1] === 0) end--;
    return end;
  }

  #cutTornTail(end: number): number {
    const bytes = end - this.#used;
    if (bytes > 0) executeOperations(this.#disk, [{ type: "zero", name: this.#name, offset: this.#used, bytes }]);
    // Even without a torn tail: what was read may never have been synced, and is now going to be relied on.
    this.#disk.sync(this.#name);
    return bytes;
  }

  #damage(what: string): WalDamage {
    return new WalDamage(`${this.#name}, offset ${this.#used}, position ${this.#position}: ${what}`);
  }
}
