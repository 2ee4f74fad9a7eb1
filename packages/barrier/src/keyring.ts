/**
 * The keyring: every key of the cluster in one record, wrapped by the root key. Each key is drawn for itself; none is
 * derived from another, so that one that leaks gives nothing else away. The bytes are in docs/formats/barrier.md.
 */
import { assert, ByteReader, ByteWriter, type Entropy } from "@strongroom/runtime";
import { IntegrityError, KeyringFullError, UnknownFormatError } from "./errors.ts";

export const KEY_BYTES = 32;
export const ID_BYTES = 16;
const FORMAT = 1;

/** Encrypts rows. Rows name the term of their key in clear. */
interface DataKey {
  /** From 1 on, ascending. */
  readonly term: number;
  readonly installedMs: number;
  readonly key: Uint8Array;
}

/** Authenticates commands, checkpoints and snapshots. */
interface MacKey {
  /** From 1 on, ascending. */
  readonly id: number;
  readonly key: Uint8Array;
}

/** Opaque to the barrier; X.509 is made elsewhere. */
export interface ClusterCa {
  readonly privateKeyPkcs8: Uint8Array;
  readonly certificateDer: Uint8Array;
}

export interface KeyringState {
  readonly barrierId: Uint8Array;
  readonly activeTerm: number;
  /** Ascending by term; never shrinks. */
  readonly dataKeys: readonly DataKey[];
  readonly nameKey: Uint8Array;
  readonly tokenKey: Uint8Array;
  readonly activeMacKeyId: number;
  /** Ascending by id; never shrinks, so that old ids stay valid. */
  readonly macKeys: readonly MacKey[];
  readonly auditKey: Uint8Array;
  /** An Ed25519 private key (RFC 8032 §5.1.5). */
  readonly clusterSigningSeed: Uint8Array;
  readonly clusterCa: ClusterCa;
}

/** A first keyring: one data key of term 1, one MAC key of id 1. */
export function createKeyring(options: {
  barrierId: Uint8Array;
  clusterCa: ClusterCa;
  nowMs: number;
  entropy: Entropy;
}): KeyringState {
  const { barrierId, clusterCa, nowMs, entropy } = options;
  return redacted({
    barrierId,
    activeTerm: 1,
    dataKeys: [{ term: 1, installedMs: nowMs, key: entropy.bytes(KEY_BYTES) }],
    nameKey: entropy.bytes(KEY_BYTES),
    tokenKey: entropy.bytes(KEY_BYTES),
    activeMacKeyId: 1,
    macKeys: [{ id: 1, key: entropy.bytes(KEY_BYTES) }],
    auditKey: entropy.bytes(KEY_BYTES),
    clusterSigningSeed: entropy.bytes(KEY_BYTES),
    clusterCa,
  });
}

/** `keyring` with a new data key and a new MAC key, both active, and nothing else changed. */
export function rotateKeyring(
  keyring: KeyringState,
  options: { maxKeys: number; nowMs: number; entropy: Entropy },
): KeyringState {
  const { maxKeys, nowMs, entropy } = options;
  if (keyring.dataKeys.length >= maxKeys || keyring.macKeys.length >= maxKeys) throw new KeyringFullError(maxKeys);
  const term = keyring.activeTerm + 1;
  const id = keyring.activeMacKeyId + 1;
  return redacted({
    ...keyring,
    activeTerm: term,
    dataKeys: [...keyring.dataKeys, { term, installedMs: nowMs, key: entropy.bytes(KEY_BYTES) }],
    activeMacKeyId: id,
    macKeys: [...keyring.macKeys, { id, key: entropy.bytes(KEY_BYTES) }],
  });
}

/** The clear bytes, which the caller wraps and wipes. */
export function encodeKeyring(keyring: KeyringState): Uint8Array {
  assertKeyring(keyring);
  // Large enough to never grow: a grown buffer would leave keys behind in the old one.
  const room = 512 + 64 * (keyring.dataKeys.length + keyring.macKeys.length);
  const writer = new ByteWriter(
    room + keyring.clusterCa.privateKeyPkcs8.length + keyring.clusterCa.certificateDer.length,
  );
  writer.u8(FORMAT).raw(keyring.barrierId).u32(keyring.activeTerm).u16(keyring.dataKeys.length);
  for (const { term, installedMs, key } of keyring.dataKeys) writer.u32(term).u48(installedMs).raw(key);
  writer.raw(keyring.nameKey).raw(keyring.tokenKey).u32(keyring.activeMacKeyId).u16(keyring.macKeys.length);
  for (const { id, key } of keyring.macKeys) writer.u32(id).raw(key);
  writer.raw(keyring.auditKey).raw(keyring.clusterSigningSeed);
  writer.bytes(keyring.clusterCa.privateKeyPkcs8).bytes(keyring.clusterCa.certificateDer);
  const view = writer.view();
  const bytes = view.slice();
  view.fill(0);
  return bytes;
}

/** Keys are views into `bytes`: wiping `bytes` wipes the keyring. Throws `UnknownFormatError` or `IntegrityError`. */
export function decodeKeyring(bytes: Uint8Array): KeyringState {
  const reader = new ByteReader(bytes);
  try {
    const format = reader.u8();
    if (format !== FORMAT) throw new UnknownFormatError("the keyring", format);
    const barrierId = reader.raw(ID_BYTES);
    const activeTerm = reader.u32();
    const dataKeys = Array.from({ length: reader.u16() }, () => ({
      term: reader.u32(),
      installedMs: reader.u48(),
      key: reader.raw(KEY_BYTES),
    }));
    const nameKey = reader.raw(KEY_BYTES);
    const tokenKey = reader.raw(KEY_BYTES);
    const activeMacKeyId = reader.u32();
    const macKeys = Array.from({ length: reader.u16() }, () => ({ id: reader.u32(), key: reader.raw(KEY_BYTES) }));
    const auditKey = reader.raw(KEY_BYTES);
    const clusterSigningSeed = reader.raw(KEY_BYTES);
    const clusterCa = { privateKeyPkcs8: reader.bytes(), certificateDer: reader.bytes() };
    if (reader.remaining !== 0) throw new IntegrityError("the keyring");
    return redacted({
      barrierId,
      activeTerm,
      dataKeys,
      nameKey,
      tokenKey,
      activeMacKeyId,
      macKeys,
      auditKey,
      clusterSigningSeed,
      clusterCa,
    });
  } catch (cause) {
    if (cause instanceof UnknownFormatError || cause instanceof IntegrityError) throw cause;
    throw new IntegrityError("the keyring", { cause });
  }
}

function assertKeyring(keyring: KeyringState): void {
  assert(keyring.barrierId.length === ID_BYTES, "a barrier id has 16 bytes");
  assert(keyring.dataKeys.at(-1)?.term === keyring.activeTerm, "the newest data key is the active one");
  assert(keyring.macKeys.at(-1)?.id === keyring.activeMacKeyId, "the newest MAC key is the active one");
  assert(
    [...keyring.dataKeys, ...keyring.macKeys].every(({ key }) => key.length === KEY_BYTES),
    "every key has 32 bytes",
  );
}

/** A keyring that `JSON.stringify` and `util.inspect` show as `[redacted]`. */
function redacted(keyring: KeyringState): KeyringState {
  const value = (): string => "[redacted]";
  return Object.defineProperties(keyring, { toJSON: { value }, [Symbol.for("nodejs.util.inspect.custom")]: { value } });
}
