/**
 * The links of a stream. Each record ends with `"seq"`, `"stream"` and `"prev"`, the SHA-256 of the record before it, as
 * docs/formats/audit.md has it byte by byte; so a line that is changed, taken out, put in or moved breaks the next link.
 */
import { hash } from "node:crypto";

/** `prev` of a stream's first record. */
export const NO_RECORD: string = "0".repeat(64);

export interface Link {
  readonly seq: number;
  readonly stream: string;
  readonly prev: string;
}

/** `open` is a record's JSON without its closing brace. The line has no line break. */
export function closeLine(open: string, { seq, stream, prev }: Link): string {
  return `${open},"seq":${seq},"stream":"${stream}","prev":"${prev}"}`;
}

/** SHA-256 of a line's bytes, without its line break, in hexadecimal digits. */
export function lineHash(line: string | Uint8Array): string {
  return hash("sha256", line, "hex");
}

const TAIL =
  /,"seq":(\d{1,15}),"stream":"([0-9a-f-]{8,40})","prev":"([0-9a-f]{64})"(?:,"original":"([0-9a-f]{64})")?\}$/;

export interface ParsedLink extends Link {
  /** Of a record that a device was given in another form: the hash of the line in the node's own stream. */
  readonly original: string | undefined;
}

/** What a line says of its place; undefined for one that says nothing of the kind. */
export function parseLink(line: string): ParsedLink | undefined {
  const match = TAIL.exec(line.length > 400 ? line.slice(-400) : line);
  if (match === null) return undefined;
  return { seq: Number(match[1]), stream: match[2] ?? "", prev: match[3] ?? "", original: match[4] };
}
