/** What is stored of a lease: JSON with a version, sealed by the barrier. The secret that it stands for is not in it. */
import type { Internal } from "@strongroom/logical";
import { assert, fromHex, fromUtf8, toHex, utf8 } from "@strongroom/runtime";

export interface LeaseEntry {
  readonly kind: "secret" | "token";
  readonly tokenHash: Uint8Array | undefined;
  /** By the log's clock, as all times here. */
  readonly issueTimeMs: number;
  readonly expireTimeMs: number;
  /** 0: never renewed. */
  readonly lastRenewalMs: number;
  readonly renewable: boolean;
  readonly ttlSeconds: number;
  readonly maxTtlSeconds: number;
  readonly internal: Internal;
  /**
   * `live`: usable until it expires. `revoking`: it is over, and its effect outside is being undone. `irrevocable`: that failed
   * too often, and nobody tries any more unless asked.
   */
  readonly state: "live" | "revoking" | "irrevocable";
  /** Where it stands in the index of what falls due; meaningless for an irrevocable one. */
  readonly dueMs: number;
  /** Until then some worker is at it, or died at it. */
  readonly claimedUntilMs: number;
  /** Attempts to undo its effect that were begun since it was last asked for. */
  readonly attempts: number;
  /** What the last attempt failed with; empty: none did. */
  readonly error: string;
  /** It is forgotten even if undoing its effect fails. */
  readonly force: boolean;
  /** Index of the log's entry that made it, by which the log tells what was made before what; 0: it is being made. */
  readonly madeAtIndex: number;
}

const VERSION = 1;

type Stored = Omit<LeaseEntry, "tokenHash"> & { readonly token: string };

export function encodeLeaseEntry({ tokenHash, ...entry }: LeaseEntry): Uint8Array {
  const stored: Stored = { ...entry, token: tokenHash === undefined ? "" : toHex(tokenHash) };
  return utf8(JSON.stringify({ version: VERSION, ...stored }));
}

/**
 * The bytes come out of the barrier, so they are what some version of this program wrote. `writtenAtIndex`: of the row, which
 * is where a lease was made that was not written since.
 */
export function decodeLeaseEntry(bytes: Uint8Array, writtenAtIndex: number): LeaseEntry {
  const { version, token, ...entry } = JSON.parse(fromUtf8(bytes)) as Stored & { version: number };
  assert(version === VERSION, `a lease's row has version ${version}, this program knows ${VERSION}`);
  const madeAtIndex = entry.madeAtIndex || writtenAtIndex;
  return { ...entry, madeAtIndex, tokenHash: token === "" ? undefined : fromHex(token) };
}
