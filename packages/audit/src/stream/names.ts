/**
 * Files of a stream: `<number>-<random>.<segment>.jsonl`. The number orders a node's streams; the random part tells a stream
 * from one of another node, or of a directory that was restored. Segments count from 1.
 */
import { type Entropy, toHex } from "@strongroom/runtime";

export interface SegmentName {
  readonly name: string;
  readonly stream: string;
  readonly number: number;
  readonly segment: number;
}

const FORM = /^((\d{6,15})-[0-9a-f]{8})\.(\d{6,15})\.jsonl$/;

export function streamName(number: number, entropy: Entropy): string {
  return `${String(number).padStart(6, "0")}-${toHex(entropy.bytes(4))}`;
}

export function segmentFile(stream: string, segment: number): string {
  return `${stream}.${String(segment).padStart(6, "0")}.jsonl`;
}

/** Undefined for a file of another kind. */
function parseSegmentFile(name: string): SegmentName | undefined {
  const match = FORM.exec(name);
  if (match === null) return undefined;
  return { name, stream: match[1] ?? "", number: Number(match[2]), segment: Number(match[3]) };
}

/** All segments, by stream and then by segment: the order in which they began. */
export function segmentsOf(names: readonly string[]): SegmentName[] {
  return names
    .map(parseSegmentFile)
    .filter((name) => name !== undefined)
    .sort(
      (a, b) => a.number - b.number || (a.stream < b.stream ? -1 : a.stream > b.stream ? 1 : a.segment - b.segment),
    );
}
