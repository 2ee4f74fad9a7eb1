/**
 * The seal record: how the cluster is opened. In clear, since a sealed node reads it; every byte before the check value
 * is associated data of the wrapped root key, so none can be changed unnoticed.
 *
 * `sealedUnsealKey` is for seals that keep the unseal key at a key service: its ciphertext. A Shamir seal has none.
 */
import { assert, ByteReader, ByteWriter, ShortInputError } from "@strongroom/runtime";
import { SealRecordError } from "./errors.ts";
import { PUBLIC_KEY_BYTES } from "./raw-keys.ts";
import { checkSealConfig, type SealConfig } from "./shamir.ts";

const SEAL_RECORD_VERSION = 1;
export const BARRIER_ID_BYTES = 16;
const CHECK_BYTES = 32;
/** Codes on disk; kinds of seals to come take the next. */
const TYPE_CODE = { shamir: 1 } as const;

export type SealType = keyof typeof TYPE_CODE;

/** All that the wrapped root key is bound to. */
export interface SealHeader extends SealConfig {
  readonly type: SealType;
  /** From 1 on; one more with each rekey. */
  readonly generation: number;
  readonly barrierId: Uint8Array;
  /** One a share, in the order in which the shares were made. */
  readonly commitments: readonly Uint8Array[];
  readonly sealedUnsealKey: Uint8Array;
}

/** A key under a key, with what commits to the wrapping one. */
export interface WrappedKey {
  readonly check: Uint8Array;
  readonly sealed: Uint8Array;
}

/** How a key is wrapped. The barrier's cipher does it; it comes in from outside. */
export interface KeyWrap {
  wrap(key: Uint8Array, associatedData: Uint8Array, plaintext: Uint8Array): WrappedKey;
  /** The plaintext, which the caller wipes; `undefined` unless key, data and bytes are those of `wrap`. */
  unwrap(key: Uint8Array, associatedData: Uint8Array, wrapped: WrappedKey): Uint8Array | undefined;
}

export interface SealRecord extends SealHeader {
  readonly wrappedRootKey: WrappedKey;
}

/** The bytes that the wrapped root key is bound to, with which the record begins. */
export function encodeSealHeader(header: SealHeader): Uint8Array {
  checkSealConfig(header);
  assert(header.barrierId.length === BARRIER_ID_BYTES, "a barrier id has 16 bytes");
  assert(header.commitments.length === header.shares, "each share has a commitment");
  const writer = new ByteWriter(64 + PUBLIC_KEY_BYTES * header.shares);
  writer.u8(SEAL_RECORD_VERSION).u8(TYPE_CODE[header.type]).u8(header.shares).u8(header.threshold);
  writer.u32(header.generation).raw(header.barrierId).u8(header.commitments.length);
  for (const commitment of header.commitments) {
    assert(commitment.length === PUBLIC_KEY_BYTES, "a commitment has 32 bytes");
    writer.raw(commitment);
  }
  return writer.bytes(header.sealedUnsealKey).finish();
}

export function encodeSealRecord(record: SealRecord): Uint8Array {
  const { check, sealed } = record.wrappedRootKey;
  assert(check.length === CHECK_BYTES, "a check value has 32 bytes");
  return new ByteWriter().raw(encodeSealHeader(record)).raw(check).bytes(sealed).finish();
}

/** Throws `SealRecordError`. What it returns is in buffers of its own. */
export function decodeSealRecord(bytes: Uint8Array): SealRecord {
  try {
    return readSealRecord(new ByteReader(bytes.slice()));
  } catch (cause) {
    if (!(cause instanceof ShortInputError)) throw cause;
    throw new SealRecordError("the seal record is damaged: it ends too early", { cause });
  }
}

function readSealRecord(reader: ByteReader): SealRecord {
  const version = reader.u8();
  if (version !== SEAL_RECORD_VERSION) {
    throw new SealRecordError(
      `the seal record has version ${version}, which this program does not know; upgrade this node`,
    );
  }
  const type = readType(reader.u8());
  const config = { shares: reader.u8(), threshold: reader.u8() };
  const generation = reader.u32();
  const barrierId = reader.raw(BARRIER_ID_BYTES);
  const commitments = Array.from({ length: reader.u8() }, () => reader.raw(PUBLIC_KEY_BYTES));
  const sealedUnsealKey = reader.bytes();
  const wrappedRootKey = { check: reader.raw(CHECK_BYTES), sealed: reader.bytes() };
  if (reader.remaining !== 0 || commitments.length !== config.shares)
    throw new SealRecordError("the seal record is damaged");
  try {
    checkSealConfig(config);
  } catch (cause) {
    throw new SealRecordError("the seal record is damaged: its threshold is impossible", { cause });
  }
  return { type, ...config, generation, barrierId, commitments, sealedUnsealKey, wrappedRootKey };
}

function readType(code: number): SealType {
  if (code === TYPE_CODE.shamir) return "shamir";
  throw new SealRecordError(`the seal is of kind ${code}, which this program does not know; upgrade this node`);
}
