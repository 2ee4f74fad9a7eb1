/** The keyring's row: format u8, barrier id, check value, sealed keyring. Wrapped by the root key, bound to the barrier. */
import { ByteReader, ByteWriter, concatBytes, equalBytes, utf8 } from "@strongroom/runtime";
import { IntegrityError, UnknownFormatError } from "./errors.ts";
import { KEY_CHECK_BYTES, type KeyWrap } from "./key-wrap.ts";
import { decodeKeyring, encodeKeyring, ID_BYTES, type KeyringState } from "./keyring.ts";

const FORMAT = 1;
const PURPOSE = utf8("strongroom keyring");

export function wrapKeyring(wrap: KeyWrap, rootKey: Uint8Array, keyring: KeyringState): Uint8Array {
  const clear = encodeKeyring(keyring);
  const { check, sealed } = wrap.wrap(rootKey, header(keyring.barrierId), clear);
  clear.fill(0);
  return new ByteWriter(sealed.length + 64).u8(FORMAT).raw(keyring.barrierId).raw(check).raw(sealed).finish();
}

/**
 * The keyring of this barrier, which the caller wipes by `wipeKeyring`. Throws `UnknownFormatError`, and one and the same
 * `IntegrityError` for a wrong root key, another barrier's record and changed bytes.
 */
export function unwrapKeyring(
  wrap: KeyWrap,
  rootKey: Uint8Array,
  barrierId: Uint8Array,
  record: Uint8Array,
): KeyringState {
  const format = record[0];
  if (format !== undefined && format !== FORMAT) throw new UnknownFormatError("the keyring record", format);
  if (record.length < 1 + ID_BYTES + KEY_CHECK_BYTES) throw new IntegrityError("the keyring");
  const reader = new ByteReader(record, 1);
  const ownId = reader.raw(ID_BYTES);
  const wrapped = { check: reader.raw(KEY_CHECK_BYTES), sealed: reader.raw(reader.remaining) };
  const clear = equalBytes(ownId, barrierId) ? wrap.unwrap(rootKey, header(barrierId), wrapped) : undefined;
  if (clear === undefined) throw new IntegrityError("the keyring");
  try {
    const keyring = decodeKeyring(clear);
    if (equalBytes(keyring.barrierId, barrierId)) return keyring;
  } catch (error) {
    clear.fill(0);
    throw error;
  }
  clear.fill(0);
  throw new IntegrityError("the keyring");
}

export function wipeKeyring(keyring: KeyringState): void {
  const { nameKey, tokenKey, auditKey, clusterSigningSeed, clusterCa } = keyring;
  for (const { key } of [...keyring.dataKeys, ...keyring.macKeys]) key.fill(0);
  for (const key of [nameKey, tokenKey, auditKey, clusterSigningSeed, clusterCa.privateKeyPkcs8]) key.fill(0);
}

function header(barrierId: Uint8Array): Uint8Array {
  return concatBytes([PURPOSE, Uint8Array.of(FORMAT), barrierId]);
}
