/**
 * Shamir's secret sharing in Vault's format, around the library `shamir-secret-sharing`. A share is the values of the
 * polynomials, one a byte of the secret, then the x coordinate: y₁…y₃₂ ‖ x. The library verifies nothing: it combines
 * too few shares, shares of different splits, or a share with x = 0 (which alone decides the result) without complaint,
 * rejects `Buffer`s, and knows no 1-of-1, for which the share is the key itself. All of that is settled here.
 *
 * The library multiplies by look-up tables, so what it does can be seen in the processor's cache by who runs code on the
 * same machine; he would have to watch many unsealings, each of which combines once.
 */
import { assert, equalBytes } from "@strongroom/runtime";
import { combine, split } from "shamir-secret-sharing";
import { InvalidShareError, SealConfigError } from "./errors.ts";

/** Bytes of the keys that are split. */
export const UNSEAL_KEY_BYTES = 32;
const MAX_SHARES = 255;

/** n shares, of which t open. */
export interface SealConfig {
  readonly shares: number;
  readonly threshold: number;
}

/** Throws `SealConfigError` unless 1-of-1 or 2 <= threshold <= shares <= 255. */
export function checkSealConfig({ shares, threshold }: SealConfig): void {
  if (!Number.isInteger(shares) || shares < 1 || shares > MAX_SHARES) {
    throw new SealConfigError(`the number of shares must be a whole number from 1 to ${MAX_SHARES}`);
  }
  if (!Number.isInteger(threshold) || threshold < 1 || threshold > shares) {
    throw new SealConfigError("the threshold must be a whole number from 1 to the number of shares");
  }
  if (shares > 1 && threshold === 1) {
    throw new SealConfigError("with several shares the threshold must be at least 2: else each share alone is the key");
  }
}

/** Bytes of one share. */
function shareBytes({ shares }: SealConfig): number {
  return shares === 1 ? UNSEAL_KEY_BYTES : UNSEAL_KEY_BYTES + 1;
}

/**
 * Fresh shares of `key`, which stays the caller's to wipe, as do the shares. One key is split once: several splits of
 * the same key are not what the scheme was analysed for.
 */
export async function splitKey(key: Uint8Array, config: SealConfig): Promise<Uint8Array[]> {
  checkSealConfig(config);
  assert(key.length === UNSEAL_KEY_BYTES, "a key that is split has 32 bytes");
  const plain = Uint8Array.from(key);
  if (config.shares === 1) return [plain];
  const shares = await split(plain, config.shares, config.threshold);
  plain.fill(0);
  await assertRecovers(key, shares, config);
  return shares;
}

/**
 * The key from exactly `threshold` shares, which stay the caller's to wipe. Whether it is the right one shows only when it
 * opens something. Throws `InvalidShareError`.
 */
export async function combineShares(shares: readonly Uint8Array[], config: SealConfig): Promise<Uint8Array> {
  checkSealConfig(config);
  if (shares.length !== config.threshold) {
    throw new InvalidShareError(`${config.threshold} shares are combined, not ${shares.length}`);
  }
  for (const share of shares) checkShare(share, config);
  const plain = shares.map((share) => Uint8Array.from(share));
  if (config.shares === 1) return plain[0] as Uint8Array;
  if (new Set(plain.map(xCoordinate)).size !== plain.length) {
    throw new InvalidShareError("one share was given twice, or two shares of different splits");
  }
  const key = await combine(plain);
  for (const share of plain) share.fill(0);
  return key;
}

/** Throws `InvalidShareError` for what cannot be a share of this seal, whatever the secret. */
export function checkShare(share: Uint8Array, config: SealConfig): void {
  const expected = shareBytes(config);
  if (share.length !== expected) {
    throw new InvalidShareError(`a share of this cluster has ${expected} bytes; the one given has ${share.length}`);
  }
  if (config.shares > 1 && xCoordinate(share) === 0) {
    throw new InvalidShareError("the share's last byte is zero, which no share has");
  }
}

function xCoordinate(share: Uint8Array): number {
  return share[share.length - 1] as number;
}

/** Shares that do not give the key back would lose everything; it costs a millisecond to know. */
async function assertRecovers(key: Uint8Array, shares: readonly Uint8Array[], config: SealConfig): Promise<void> {
  assert(shares.length === config.shares, "a split gives as many shares as were asked for");
  assert(new Set(shares.map(xCoordinate)).size === config.shares, "no two shares have one x coordinate");
  for (const subset of [shares.slice(0, config.threshold), shares.slice(-config.threshold)]) {
    const recovered = await combineShares(subset, config);
    assert(equalBytes(recovered, key), "the shares give the key back");
    recovered.fill(0);
  }
}
