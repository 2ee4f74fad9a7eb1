/**
 * What is stored of a service token, and what a batch token carries; never its id. The bytes are JSON with a version, sealed
 * by the barrier.
 */
import { assert, fromHex, fromUtf8, toHex, utf8 } from "@strongroom/runtime";

export interface TokenEntry {
  readonly type: "service" | "batch";
  /** Empty for a batch token. */
  readonly accessor: string;
  readonly policies: readonly string[];
  /** The request path that made it. */
  readonly path: string;
  readonly displayName: string;
  readonly meta: Readonly<Record<string, string>>;
  /** Requests that it is still good for; 0: any number. */
  readonly numUses: number;
  readonly orphan: boolean;
  /** The hash of the token that it ends with; undefined for an orphan. */
  readonly parentHash: Uint8Array | undefined;
  /** By the log's clock, as all times here. */
  readonly creationTimeMs: number;
  /** Of the token, or of its last renewal. */
  readonly issueTimeMs: number;
  /** As granted at its making or last renewal; 0: does not expire. */
  readonly ttlSeconds: number;
  /** From then on it is refused, swept or not; 0: never. */
  readonly expireTimeMs: number;
  readonly explicitMaxTtlSeconds: number;
  readonly periodSeconds: number;
  readonly renewable: boolean;
  /** Blocks in CIDR notation, from which alone it may be used; empty: from anywhere. */
  readonly boundCidrs: readonly string[];
  /** The token role that it was made by, else empty. */
  readonly role: string;
  /** Empty: no entity. */
  readonly entityId: string;
  /** The uuid of the auth mount that it, or the token it descends from, was got from: it ends with that. Empty: none. */
  readonly origin: string;
  readonly noDefaultPolicy: boolean;
  /** Refused everywhere, and being deleted with all that belongs to it. */
  readonly closing: boolean;
  /** What `LeaseStore.register` gave for the token's own end; empty for one that does not expire. */
  readonly leaseHandle: string;
}

const VERSION = 2;

/** Version 1 knew root tokens only. */
interface StoredV1 {
  readonly accessor: string;
  readonly policies: readonly string[];
  readonly creationTimeMs: number;
  readonly ttlSeconds: number;
  readonly displayName: string;
  readonly path: string;
  readonly orphan: boolean;
}

type StoredV2 = Omit<TokenEntry, "parentHash"> & { readonly parent: string };

/** What a token has that nothing else was said of. */
export const PLAIN_TOKEN: Omit<TokenEntry, "accessor" | "policies" | "path" | "displayName" | "creationTimeMs"> = {
  type: "service",
  meta: {},
  numUses: 0,
  orphan: true,
  parentHash: undefined,
  issueTimeMs: 0,
  ttlSeconds: 0,
  expireTimeMs: 0,
  explicitMaxTtlSeconds: 0,
  periodSeconds: 0,
  renewable: false,
  boundCidrs: [],
  role: "",
  entityId: "",
  origin: "",
  noDefaultPolicy: false,
  closing: false,
  leaseHandle: "",
};

export function encodeTokenEntry({ parentHash, ...entry }: TokenEntry): Uint8Array {
  const stored: StoredV2 = { ...entry, parent: parentHash === undefined ? "" : toHex(parentHash) };
  return utf8(JSON.stringify({ version: VERSION, ...stored }));
}

/** The bytes come out of the barrier, so they are what some version of this program wrote. */
export function decodeTokenEntry(bytes: Uint8Array): TokenEntry {
  const { version, ...stored } = JSON.parse(fromUtf8(bytes)) as { version: number };
  if (version === 1) {
    const old = stored as unknown as StoredV1;
    return { ...PLAIN_TOKEN, ...old, issueTimeMs: old.creationTimeMs };
  }
  assert(version === VERSION, `a token's row has version ${version}, this program knows ${VERSION}`);
  const { parent, ...entry } = stored as unknown as StoredV2;
  return { ...entry, parentHash: parent === "" ? undefined : fromHex(parent) };
}
