/** The proposer table as bytes: a row for each proposer, and one that lists them. In `docs/formats/snapshot.md`. */
import { ByteReader, ByteWriter, fromUtf8, ShortInputError, utf8 } from "@strongroom/runtime";
import type { Verdict } from "@strongroom/storage";
import { ReplicaFatalError } from "./errors.ts";

const VERSION = 1;
const OUTCOME = { applied: 1, conflict: 2, rejected: 3 } as const;
const MAX_REASON_BYTES = 255;

export interface ProposerRow {
  /** The lowest sequence that its proposer still waits for. */
  readonly floor: number;
  /** Of sequences at or above the floor and below it by less than 1,024 ascending. */
  readonly verdicts: ReadonlyMap<number, Verdict>;
}

/** The proposers of one node. */
export interface NodeProposers {
  readonly node: number;
  /** The highest incarnation that was ever removed: none up to it comes back, or its commands could run twice. */
  readonly highestRemoved: number;
  readonly incarnations: readonly number[];
}

export function encodeProposerRow(row: ProposerRow): Uint8Array {
  const writer = new ByteWriter(16 + 12 * row.verdicts.size).u8(VERSION).u48(row.floor).u16(row.verdicts.size);
  for (const sequence of [...row.verdicts.keys()].sort((a, b) => a - b)) {
    writer.u16(sequence - row.floor);
    writeVerdict(writer, row.verdicts.get(sequence) as Verdict);
  }
  return writer.finish();
}

/** Throws `ReplicaFatalError`. */
export function decodeProposerRow(bytes: Uint8Array): {
  readonly floor: number;
  readonly verdicts: Map<number, Verdict>;
} {
  return decode(bytes, (reader) => {
    const floor = reader.u48();
    const count = reader.u16();
    const verdicts = new Map<number, Verdict>();
    for (let i = 0; i < count; i++) verdicts.set(floor + reader.u16(), readVerdict(reader));
    return { floor, verdicts };
  });
}

export function encodeProposerIndex(nodes: readonly NodeProposers[]): Uint8Array {
  const writer = new ByteWriter(256).u8(VERSION).u16(nodes.length);
  for (const { node, highestRemoved, incarnations } of nodes) {
    writer.u64(node).u64(highestRemoved).u16(incarnations.length);
    for (const incarnation of incarnations) writer.u64(incarnation);
  }
  return writer.finish();
}

/** Throws `ReplicaFatalError`. */
export function decodeProposerIndex(bytes: Uint8Array): readonly NodeProposers[] {
  return decode(bytes, (reader) => {
    const nodes: NodeProposers[] = [];
    for (let left = reader.u16(); left > 0; left--) {
      const node = reader.u64();
      const highestRemoved = reader.u64();
      const incarnations: number[] = [];
      for (let more = reader.u16(); more > 0; more--) incarnations.push(reader.u64());
      nodes.push({ node, highestRemoved, incarnations });
    }
    return nodes;
  });
}

function writeVerdict(writer: ByteWriter, verdict: Verdict): void {
  writer.u8(OUTCOME[verdict.outcome]);
  switch (verdict.outcome) {
    case "applied":
      writer.u48(verdict.revision.index).u16(verdict.revision.position);
      break;
    case "conflict":
      writer.u16(verdict.guard);
      break;
    case "rejected": {
      const reason = utf8(verdict.reason).subarray(0, MAX_REASON_BYTES);
      writer.u8(reason.length).raw(reason);
      break;
    }
  }
}

function readVerdict(reader: ByteReader): Verdict {
  switch (reader.u8()) {
    case OUTCOME.applied:
      return { outcome: "applied", revision: { index: reader.u48(), position: reader.u16() } };
    case OUTCOME.conflict:
      return { outcome: "conflict", guard: reader.u16() };
    case OUTCOME.rejected:
      return { outcome: "rejected", reason: fromUtf8(reader.raw(reader.u8())) };
    default:
      throw new ShortInputError("a verdict is of an unknown kind");
  }
}

function decode<T>(bytes: Uint8Array, read: (reader: ByteReader) => T): T {
  try {
    const reader = new ByteReader(bytes);
    if (reader.u8() !== VERSION) throw new ShortInputError("it is of an unknown version");
    const value = read(reader);
    if (reader.remaining !== 0) throw new ShortInputError("bytes follow its end");
    return value;
  } catch (error) {
    if (!(error instanceof ShortInputError) && !(error instanceof TypeError)) throw error;
    throw new ReplicaFatalError(
      "A row of the proposer table is damaged or written by a newer server. Rebuild this node from its peers.",
      { cause: error },
    );
  }
}
