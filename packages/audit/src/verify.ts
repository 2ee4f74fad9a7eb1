/**
 * Checks streams without any key: that every line is a record, that each names the one before it by its hash, that no number
 * is missing or comes twice, and that streams ended where those after them say they did. Reads a node's own segments as well
 * as what a file device wrote, in which the streams of several workers lie mixed. Memory does not grow with the file.
 */
import { closeSync, openSync, readdirSync, readSync, statSync } from "node:fs";
import { join } from "node:path";
import { lineHash, NO_RECORD, type ParsedLink, parseLink } from "./stream/chain.ts";
import { segmentsOf } from "./stream/names.ts";

export interface VerifiedStream {
  readonly stream: string;
  readonly firstSeq: number;
  readonly lastSeq: number;
  /** SHA-256 of the last record. */
  readonly head: string;
  /** `closed` or `recovered`, as its last record says; `open`: it has no last record, so its tail may be missing. */
  readonly end: "closed" | "recovered" | "open";
}

export interface AuditProblem {
  readonly file: string;
  /** From 1 on; 0 for the file as a whole. */
  readonly line: number;
  /**
   * `unreadable`: not a record. `broken`: the record before it was changed, or is another. `missing`: numbers are left out.
   * `order`: a number comes again. `torn`: a last line without its end. `truncated`: a stream went on further.
   */
  readonly kind: "unreadable" | "broken" | "missing" | "order" | "torn" | "truncated";
  readonly stream: string;
  readonly seq: number;
  readonly message: string;
}

export interface VerifyReport {
  readonly records: number;
  /** Records that came twice, with the same content: a device got them again after a crash. */
  readonly repeated: number;
  /** Records that a device was given in another form; their place is checked, their content is not. */
  readonly altered: number;
  /** Records that the stream itself says were deleted before a device had them. */
  readonly dropped: number;
  readonly streams: readonly VerifiedStream[];
  /** At most a hundred; `problemCount` counts all. */
  readonly problems: readonly AuditProblem[];
  readonly problemCount: number;
}

const CHUNK_BYTES = 1024 * 1024;
const LINE_BREAK = 0x0a;
const MAX_LINE_BYTES = 16 * 1024 * 1024;
const KEPT_PROBLEMS = 100;
/** Of each stream: what may come again after a crash. */
const KEPT_HASHES = 65_536;

/** A file, or all segments of a directory. Throws Node's error for what cannot be read. */
export function verifyStream(path: string): VerifyReport {
  const verifier = new Verifier();
  for (const file of filesOf(path)) verifyFile(verifier, file);
  return verifier.report();
}

function filesOf(path: string): readonly string[] {
  if (!statSync(path).isDirectory()) return [path];
  return segmentsOf(readdirSync(path)).map(({ name }) => join(path, name));
}

function verifyFile(verifier: Verifier, file: string): void {
  const fd = openSync(file, "r");
  try {
    const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
    let rest: Buffer = Buffer.alloc(0);
    let lineNumber = 0;
    for (;;) {
      const count = readSync(fd, chunk, 0, CHUNK_BYTES, null);
      if (count === 0) break;
      const bytes = rest.length === 0 ? chunk.subarray(0, count) : Buffer.concat([rest, chunk.subarray(0, count)]);
      let start = 0;
      for (let end = bytes.indexOf(LINE_BREAK); end >= 0; end = bytes.indexOf(LINE_BREAK, start)) {
        verifier.line(file, ++lineNumber, bytes.subarray(start, end));
        start = end + 1;
      }
      rest = Buffer.from(bytes.subarray(start));
      if (rest.length > MAX_LINE_BYTES) break;
    }
    if (rest.length > 0) verifier.torn(file, lineNumber + 1, rest.length);
  } finally {
    closeSync(fd);
  }
}

interface StreamState {
  readonly stream: string;
  readonly firstSeq: number;
  lastSeq: number;
  head: string;
  end: VerifiedStream["end"];
  readonly recent: Map<number, string>;
}

interface Range {
  readonly stream: string;
  readonly fromSeq: number;
  readonly toSeq: number;
}

class Verifier {
  readonly #streams = new Map<string, StreamState>();
  readonly #gaps: (Range & AuditProblem)[] = [];
  readonly #drops: Range[] = [];
  readonly #claims: {
    readonly stream: string;
    readonly seq: number;
    readonly hash: string;
    readonly at: AuditProblem;
  }[] = [];
  #fragment: AuditProblem | undefined;
  #fragmentBytes = 0;
  #records = 0;
  #repeated = 0;
  #altered = 0;
  readonly #problems: AuditProblem[] = [];
  #problemCount = 0;

  line(file: string, line: number, bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("utf8");
    const link = parseLink(text);
    const record = link === undefined ? undefined : parseRecord(text);
    if (link === undefined || record === undefined) {
      this.#settleFragment(0);
      this.#fragment = problem({ file, line, kind: "unreadable", message: "this line is not an audit record" });
      this.#fragmentBytes = bytes.length;
      return;
    }
    this.#settleFragment(record["type"] === "stream" ? Number(record["torn_bytes"] ?? 0) : 0);
    this.#records++;
    if (link.original !== undefined) this.#altered++;
    const hash = link.original ?? lineHash(bytes);
    const state = this.#streams.get(link.stream);
    const at = problem({ file, line, kind: "broken", stream: link.stream, seq: link.seq, message: "" });
    if (state === undefined) this.#first(link, hash, at);
    else if (!this.#next(state, link, hash, at)) return;
    this.#control(record, link.stream, at);
  }

  torn(file: string, line: number, bytes: number): void {
    this.#report(problem({ file, line, kind: "torn", message: `the last line has ${bytes} bytes and no end` }));
  }

  report(): VerifyReport {
    this.#settleFragment(0);
    for (const { stream, seq, hash, at } of this.#claims) this.#checkClaim(stream, seq, hash, at);
    let dropped = 0;
    for (const gap of this.#gaps) {
      const explained = this.#drops.some(
        (drop) => drop.stream === gap.stream && drop.fromSeq <= gap.fromSeq && drop.toSeq >= gap.toSeq,
      );
      if (explained) dropped += gap.toSeq - gap.fromSeq + 1;
      else this.#report(gap);
    }
    const streams = [...this.#streams.values()].map(({ stream, firstSeq, lastSeq, head, end }) => {
      return { stream, firstSeq, lastSeq, head, end };
    });
    return {
      records: this.#records,
      repeated: this.#repeated,
      altered: this.#altered,
      dropped,
      streams,
      problems: this.#problems,
      problemCount: this.#problemCount,
    };
  }

  #first(link: ParsedLink, hash: string, at: AuditProblem): void {
    const { stream, seq, prev } = link;
    if (seq === 1 && prev !== NO_RECORD) {
      this.#report({ ...at, message: "this is a stream's first record and names one before it" });
    }
    this.#streams.set(stream, {
      stream,
      firstSeq: seq,
      lastSeq: seq,
      head: hash,
      end: "open",
      recent: new Map([[seq, hash]]),
    });
  }

  /** False for a record that was seen before. */
  #next(state: StreamState, link: ParsedLink, hash: string, at: AuditProblem): boolean {
    const { seq, prev } = link;
    if (seq <= state.lastSeq) {
      this.#again(state, link, hash, at);
      return false;
    }
    if (seq > state.lastSeq + 1) {
      const missing = { stream: state.stream, fromSeq: state.lastSeq + 1, toSeq: seq - 1 };
      const message = `records ${missing.fromSeq} to ${missing.toSeq} are missing`;
      this.#gaps.push({ ...at, kind: "missing", message, ...missing });
    } else if (prev !== state.head) {
      this.#report({
        ...at,
        message: `record ${seq} names another record before it: record ${state.lastSeq} was changed, or this one was put here`,
      });
    }
    state.lastSeq = seq;
    state.head = hash;
    state.recent.set(seq, hash);
    if (state.recent.size > KEPT_HASHES) state.recent.delete(seq - KEPT_HASHES);
    return true;
  }

  /**
   * A record from before the last one: given again after a crash. One from before the first of this file was given to a file
   * before it; it counts if what follows it leads to records that are here.
   */
  #again(state: StreamState, { seq, prev }: ParsedLink, hash: string, at: AuditProblem): void {
    const known = state.recent.get(seq);
    const before = state.recent.get(seq - 1);
    if (known === undefined ? seq >= state.firstSeq : known !== hash) {
      const message = `record ${seq} comes after record ${state.lastSeq}, with other content`;
      this.#report({ ...at, kind: "order", message });
    } else if (before !== undefined && prev !== before) {
      this.#report({ ...at, message: `record ${seq} names another record before it than the one that is here` });
    } else {
      state.recent.set(seq, hash);
      this.#records--;
      this.#repeated++;
    }
  }

  #control(record: Readonly<Record<string, unknown>>, stream: string, at: AuditProblem): void {
    if (record["type"] !== "stream") return;
    const state = this.#streams.get(stream);
    if (record["event"] === "end" && state !== undefined) {
      state.end = record["reason"] === "recovered" ? "recovered" : "closed";
    }
    if (record["event"] === "dropped") {
      const { stream: from, from_seq: fromSeq, to_seq: toSeq } = record["dropped"] as Record<string, unknown>;
      this.#drops.push({ stream: String(from), fromSeq: Number(fromSeq), toSeq: Number(toSeq) });
    }
    if (record["event"] === "start" && Array.isArray(record["after"])) {
      for (const end of record["after"] as Record<string, unknown>[]) {
        this.#claims.push({ stream: String(end["stream"]), seq: Number(end["seq"]), hash: String(end["hash"]), at });
      }
    }
  }

  /** A later stream saw this one end. Streams that are not here at all may have been kept less long. */
  #checkClaim(stream: string, seq: number, hash: string, at: AuditProblem): void {
    const state = this.#streams.get(stream);
    if (state === undefined) return;
    const named = { ...at, stream, seq };
    if (state.lastSeq < seq) {
      const message = `the stream ends with record ${state.lastSeq}, but a later stream saw it end with record ${seq}`;
      this.#report({ ...named, kind: "truncated", message });
    } else if ((state.recent.get(seq) ?? hash) !== hash) {
      this.#report({ ...named, kind: "broken", message: `record ${seq} is not the one that a later stream saw` });
    }
  }

  /** A torn line is in order if the record after it says that a crash tore it. */
  #settleFragment(explainedBytes: number): void {
    const fragment = this.#fragment;
    this.#fragment = undefined;
    if (fragment !== undefined && this.#fragmentBytes > explainedBytes) this.#report(fragment);
  }

  #report(one: AuditProblem): void {
    this.#problemCount++;
    if (this.#problems.length >= KEPT_PROBLEMS) return;
    const { file, line, kind, stream, seq, message } = one;
    this.#problems.push({ file, line, kind, stream, seq, message });
  }
}

function problem(
  parts: Pick<AuditProblem, "file" | "line" | "kind" | "message"> & Partial<AuditProblem>,
): AuditProblem {
  return { stream: "", seq: 0, ...parts };
}

function parseRecord(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const record: unknown = JSON.parse(text);
    return typeof record === "object" && record !== null ? (record as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
