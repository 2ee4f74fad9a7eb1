/**
 * What lets a machine become a node: a string that an operator carries from a running cluster to the newcomer. It holds
 * where the cluster is, by which authority the newcomer recognises it, and a secret that is good for one node and ten
 * minutes. The cluster stores no part of it: its row stands under a keyed hash of id and secret.
 */
import { createHash } from "node:crypto";
import { BlockList, isIP } from "node:net";
import type { Entropy } from "@strongroom/runtime";
import {
  assert,
  ByteReader,
  ByteWriter,
  concatBytes,
  equalBytes,
  fromHex,
  fromUtf8,
  ShortInputError,
  StrongroomError,
  toHex,
  utf8,
} from "@strongroom/runtime";
import { KEY_KIND, makeKey } from "@strongroom/storage";
import { parseHostPort } from "../transport/address.ts";

/** The string is no join token, or is damaged. Never quotes it. */
export class JoinTokenError extends StrongroomError {
  readonly code = "bad_join_token";
}

export interface JoinToken {
  /** Cluster addresses of nodes that may serve the join, the first to be tried first; one to `MAX_ADDRESSES`. */
  readonly addresses: readonly string[];
  /** SHA-256 of the cluster CA's DER, lower-case hex. */
  readonly caFingerprint: string;
  /** 16 bytes; names the token in logs and audit. */
  readonly id: Uint8Array;
  /** 32 bytes. */
  readonly secret: Uint8Array;
}

/** How long a token lives. */
export const JOIN_TOKEN_TTL_MS = 600_000;

const PREFIX = "srjoin.";
const VERSION = 1;
const ID_BYTES = 16;
const SECRET_BYTES = 32;
const FINGERPRINT_BYTES = 32;
const CHECKSUM_BYTES = 4;
const MAX_ADDRESSES = 16;

/** `srjoin.` and base64url of: version u8, id, secret, fingerprint, count u8, addresses (u16 length, UTF-8), checksum. */
export function encodeJoinToken(token: JoinToken): string {
  assert(token.id.length === ID_BYTES && token.secret.length === SECRET_BYTES, "a join token's parts have their sizes");
  assert(token.addresses.length >= 1 && token.addresses.length <= MAX_ADDRESSES, "a join token has 1 to 16 addresses");
  const writer = new ByteWriter().u8(VERSION).raw(token.id).raw(token.secret).raw(fromHex(token.caFingerprint));
  writer.u8(token.addresses.length);
  for (const address of token.addresses) {
    const bytes = utf8(address);
    writer.u16(bytes.length).raw(bytes);
  }
  const body = writer.finish();
  return PREFIX + Buffer.from(concatBytes([body, checksum(body)])).toString("base64url");
}

/** Throws `JoinTokenError`. White space around the token is ignored. */
export function decodeJoinToken(text: string): JoinToken {
  const trimmed = text.trim();
  const encoded = trimmed.slice(PREFIX.length);
  if (!trimmed.startsWith(PREFIX) || encoded.length > 8192 || !/^[A-Za-z0-9_-]*$/.test(encoded))
    throw new JoinTokenError(
      `this is no join token; one begins with "${PREFIX}" and comes from \`operator raft join-token\``,
    );
  const bytes = Uint8Array.from(Buffer.from(encoded, "base64url"));
  const body = bytes.subarray(0, Math.max(0, bytes.length - CHECKSUM_BYTES));
  if (!equalBytes(bytes.subarray(body.length), checksum(body)))
    throw new JoinTokenError("the join token is incomplete or mistyped; copy it again");
  try {
    const token = decodeBody(new ByteReader(body));
    for (const address of token.addresses) parseHostPort(address);
    return token;
  } catch (cause) {
    if (cause instanceof JoinTokenError) throw cause;
    throw new JoinTokenError("the join token is damaged; make a new one", { cause });
  }
}

function decodeBody(reader: ByteReader): JoinToken {
  if (reader.u8() !== VERSION)
    throw new JoinTokenError("the join token is of a version that this server does not know; upgrade this server");
  const id = reader.raw(ID_BYTES).slice();
  const secret = reader.raw(SECRET_BYTES).slice();
  const caFingerprint = toHex(reader.raw(FINGERPRINT_BYTES));
  const addresses = Array.from({ length: reader.u8() }, () => fromUtf8(reader.raw(reader.u16())));
  if (reader.remaining !== 0 || addresses.length === 0 || addresses.length > MAX_ADDRESSES)
    throw new JoinTokenError("the join token is damaged; make a new one");
  return { addresses, caFingerprint, id, secret };
}

function checksum(body: Uint8Array): Uint8Array {
  return Uint8Array.from(createHash("sha256").update(body).digest().subarray(0, CHECKSUM_BYTES));
}

/** What the cluster keeps of a token, under `joinTokenKey`. In clear: nothing in it is secret. */
export interface JoinTokenRow {
  /** In the log's time. */
  readonly expiresAtMs: number;
  /** The only name that the node may take. */
  readonly name?: string | undefined;
  /** The only network that it may call from, as "10.0.0.0/8". */
  readonly cidr?: string | undefined;
  /** The node is opened as it joins. */
  readonly open: boolean;
  /** The node that the token was used for. */
  readonly used?: { readonly nodeId: number; readonly publicKeySpki: Uint8Array } | undefined;
}

export function joinTokenKey(hash: Uint8Array): Uint8Array {
  return makeKey(KEY_KIND.joinToken, hash);
}

export function encodeJoinTokenRow(row: JoinTokenRow): Uint8Array {
  const writer = new ByteWriter()
    .u8(VERSION)
    .u48(row.expiresAtMs)
    .u8(row.open ? 1 : 0);
  writer.bytes(utf8(row.name ?? "")).bytes(utf8(row.cidr ?? ""));
  return writer
    .u64(row.used?.nodeId ?? 0)
    .bytes(row.used?.publicKeySpki ?? new Uint8Array(0))
    .finish();
}

/** Undefined when the bytes are no such row of a known version. */
export function decodeJoinTokenRow(bytes: Uint8Array): JoinTokenRow | undefined {
  try {
    const reader = new ByteReader(bytes);
    if (reader.u8() !== VERSION) return undefined;
    const expiresAtMs = reader.u48();
    const open = reader.u8() === 1;
    const name = fromUtf8(reader.bytes());
    const cidr = fromUtf8(reader.bytes());
    const nodeId = reader.u64();
    const publicKeySpki = reader.bytes().slice();
    if (reader.remaining !== 0) return undefined;
    return {
      expiresAtMs,
      open,
      ...(name === "" ? {} : { name }),
      ...(cidr === "" ? {} : { cidr }),
      ...(nodeId === 0 ? {} : { used: { nodeId, publicKeySpki } }),
    };
  } catch (error) {
    if (error instanceof ShortInputError || error instanceof TypeError) return undefined;
    throw error;
  }
}

export interface JoinTokenOptions {
  readonly addresses: readonly string[];
  readonly caFingerprint: string;
  /** The log's time. */
  readonly nowMs: number;
  readonly name?: string | undefined;
  readonly cidr?: string | undefined;
  readonly open?: boolean;
}

/** A new token and the row to write. Throws `JoinTokenError` for a name or a network that cannot be. */
export function newJoinToken(
  options: JoinTokenOptions,
  entropy: Entropy,
): { readonly token: JoinToken; readonly row: JoinTokenRow } {
  const { addresses, caFingerprint, nowMs, name, cidr, open = false } = options;
  if (name !== undefined && !isNodeName(name)) throw new JoinTokenError(NODE_NAME_RULE);
  if (cidr !== undefined && parseCidr(cidr) === undefined)
    throw new JoinTokenError(`"${cidr}" is no network; write one as 10.0.0.0/8 or 2001:db8::/32`);
  return {
    token: { addresses, caFingerprint, id: entropy.bytes(ID_BYTES), secret: entropy.bytes(SECRET_BYTES) },
    row: { expiresAtMs: nowMs + JOIN_TOKEN_TTL_MS, name, cidr, open },
  };
}

export const NODE_NAME_RULE = "a node's name is 1 to 63 letters, digits, dots, dashes and underscores";

export function isNodeName(name: string): boolean {
  return /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/.test(name);
}

/** Whether `address` (no port; IPv4 may come mapped into IPv6) lies in the network `cidr`. */
export function isInNetwork(address: string, cidr: string): boolean {
  const plain = address.replace(/^::ffff:(?=\d+\.\d+\.\d+\.\d+$)/i, "").replace(/%.*$/, "");
  const family = isIP(plain);
  return family !== 0 && (parseCidr(cidr)?.check(plain, family === 4 ? "ipv4" : "ipv6") ?? false);
}

function parseCidr(cidr: string): BlockList | undefined {
  const match = /^([0-9a-fA-F:.]+)\/([0-9]{1,3})$/.exec(cidr);
  const network = match?.[1] ?? "";
  const bits = Number(match?.[2]);
  const family = isIP(network);
  if (family === 0 || bits > (family === 4 ? 32 : 128)) return undefined;
  const list = new BlockList();
  list.addSubnet(network, bits, family === 4 ? "ipv4" : "ipv6");
  return list;
}
