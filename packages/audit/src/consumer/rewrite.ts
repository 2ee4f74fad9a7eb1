/**
 * A record in the form that a device asks for, or can take. Nearly all pass as the bytes that they are; one that is changed
 * says so by its last member, `original`: the hash of the line in the node's own stream.
 */
import { elidedList } from "../record/encode.ts";
import { onOneLine, quote } from "../record/quote.ts";
import type { AuditSalt } from "../salt.ts";
import { lineHash, parseLink } from "../stream/chain.ts";

export interface RewriteOptions {
  readonly elideListResponses: boolean;
  readonly hmacAccessor: boolean;
  /** With the line break. */
  readonly maxLineBytes: number;
}

type JsonRecord = Record<string, unknown>;

const LIST = '"operation":"list"';
const RESPONSE = '"type":"response"';
const ACCESSORS = ["accessor", "client_token_accessor", "wrapped_accessor"];
const ACCESSOR = Buffer.from('accessor":"');
const MOUNT = Buffer.from("mount_");
const HASHED = [Buffer.from("hmac-sha256:"), Buffer.from('redacted"')];

export class Rewriter {
  readonly #options: RewriteOptions;
  readonly #salt: AuditSalt;

  constructor(options: RewriteOptions, salt: AuditSalt) {
    this.#options = options;
    this.#salt = salt;
  }

  /** The line itself where nothing is to be changed. */
  rewrite(line: Uint8Array): Uint8Array {
    const bytes = Buffer.from(line.buffer, line.byteOffset, line.length);
    const elides = this.#options.elideListResponses && bytes.includes(LIST) && bytes.includes(RESPONSE);
    const hides = this.#options.hmacAccessor && hasClearAccessor(bytes);
    const changed = elides || hides ? this.#changed(bytes, elides, hides) : line;
    return changed.length > this.#options.maxLineBytes ? shortened(bytes) : changed;
  }

  #changed(line: Buffer, elides: boolean, hides: boolean): Uint8Array {
    const record = parsed(line);
    if (record === undefined) return line;
    const response = record["response"] as JsonRecord | undefined;
    let altered = false;
    if (elides && typeof response?.["data"] === "object" && response["data"] !== null) {
      response["data"] = elidedList(response["data"] as JsonRecord);
      altered = true;
    }
    if (hides) {
      const { auth, request } = record as { auth?: JsonRecord; request?: JsonRecord };
      const places = [auth, request, response?.["auth"], response?.["wrap_info"]] as (JsonRecord | undefined)[];
      for (const place of places) altered = this.#hideAccessors(place) || altered;
    }
    if (!altered) return line;
    return lineOf(`${JSON.stringify(record).slice(0, -1)},"original":"${originalOf(line)}"}`);
  }

  #hideAccessors(place: JsonRecord | undefined): boolean {
    let altered = false;
    for (const name of ACCESSORS) {
      const value = place?.[name];
      if (place === undefined || typeof value !== "string" || /^(?:hmac-sha256:|redacted$)/.test(value)) continue;
      place[name] = this.#salt.hash(value);
      altered = true;
    }
    return altered;
  }
}

/** Whether some accessor may stand in the clear; a mount's accessor, which does, is looked at and left as it is. */
function hasClearAccessor(line: Buffer): boolean {
  for (let at = line.indexOf(ACCESSOR); at >= 0; at = line.indexOf(ACCESSOR, at)) {
    at += ACCESSOR.length;
    if (standsAt(line, MOUNT, at - ACCESSOR.length - MOUNT.length)) continue;
    if (!HASHED.some((hashed) => standsAt(line, hashed, at))) return true;
  }
  return false;
}

function standsAt(line: Uint8Array, word: Uint8Array, at: number): boolean {
  for (let i = 0; i < word.length; i++) if (line[at + i] !== word[i]) return false;
  return true;
}

/** What is left of a record that is too long for a message: what it was about, and where the whole of it is. */
function shortened(line: Buffer): Uint8Array {
  const text = line.toString("utf8", 0, line.length - 1);
  const link = parseLink(text);
  const record = parsed(line);
  if (link === undefined || record === undefined) return line.subarray(0, 0);
  const { id = "", operation = "", path = "" } = (record["request"] ?? {}) as Record<string, string>;
  return lineOf(
    `{"time":${quote(String(record["time"]))},"type":${quote(String(record["type"]))},"shortened":true,` +
      `"request":{"id":${quote(id)},"operation":${quote(operation)},"path":${quote(path.slice(0, 512))}},` +
      `"seq":${link.seq},"stream":"${link.stream}","prev":"${link.prev}","original":"${originalOf(line)}"}`,
  );
}

function originalOf(line: Buffer): string {
  return lineHash(line.subarray(0, -1));
}

function parsed(line: Buffer): JsonRecord | undefined {
  try {
    return JSON.parse(line.toString("utf8")) as JsonRecord;
  } catch {
    return undefined;
  }
}

function lineOf(json: string): Uint8Array {
  return Buffer.from(`${onOneLine(json)}\n`);
}
