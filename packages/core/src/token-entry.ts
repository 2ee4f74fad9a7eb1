/** What is stored of a token; never its id. The bytes are JSON with a version, sealed by the barrier. */
import { assert, fromUtf8, utf8 } from "@strongroom/runtime";

export interface TokenEntry {
  readonly accessor: string;
  readonly policies: readonly string[];
  /** By the log's clock. */
  readonly creationTimeMs: number;
  /** 0: does not expire. */
  readonly ttlSeconds: number;
  readonly displayName: string;
  /** The request path that made it. */
  readonly path: string;
  readonly orphan: boolean;
}

const VERSION = 1;

interface StoredToken extends TokenEntry {
  readonly version: number;
}

export function encodeTokenEntry(entry: TokenEntry): Uint8Array {
  const stored: StoredToken = { version: VERSION, ...entry };
  return utf8(JSON.stringify(stored));
}

/** The bytes come out of the barrier, so they are what some version of this program wrote. */
export function decodeTokenEntry(bytes: Uint8Array): TokenEntry {
  const { version, ...entry } = JSON.parse(fromUtf8(bytes)) as StoredToken;
  assert(version === VERSION, `a token's row has version ${version}, this program knows ${VERSION}`);
  return entry;
}
