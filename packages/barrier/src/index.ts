/**
 * The barrier encrypts all that passes to storage: names, values, keys. What is hidden and what is not, and every format
 * byte by byte, is in docs/formats/barrier.md.
 */
export type { BarrierOptions, InitializedBarrier } from "./barrier.ts";
export { Barrier } from "./barrier.ts";
export type { BarrierView, ListOptions } from "./barrier-view.ts";
export type { ClusterRecord } from "./cluster-record.ts";
export { decodeClusterRecord, encodeClusterRecord } from "./cluster-record.ts";
export type { MacPurpose, MacVerdict, SignedMac } from "./command-authenticator.ts";
export { SharedCommandAuthenticator } from "./command-authenticator.ts";
export type { DecodedRow, DecodedRows } from "./decoded-rows.ts";
export {
  IntegrityError,
  InvalidPathError,
  KeyringFullError,
  ListTooLargeError,
  SealedError,
  UnknownFormatError,
} from "./errors.ts";
export { MAC_BYTES } from "./hmac.ts";
export type { KeyWrap, WrappedKey } from "./key-wrap.ts";
export { createKeyWrap, KEY_CHECK_BYTES } from "./key-wrap.ts";
export type { ClusterCa } from "./keyring.ts";
export type { Scope } from "./names.ts";
export { MOUNT_ID_BYTES, NAMESPACE_ID_BYTES, scopeKey } from "./names.ts";
export { MAX_PATH_BYTES, MAX_SEGMENTS } from "./path.ts";
export type { SealedRows } from "./sealed-rows.ts";
export { accessorRowKey, tokenRowKey } from "./sealed-rows.ts";
export { SharedKeys } from "./shared-keys.ts";
