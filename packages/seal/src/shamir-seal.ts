/** The Shamir seal: a fresh unseal key wraps the root key, and is itself known to nobody but as shares. */
import { type Entropy, SecretBytes } from "@strongroom/runtime";
import { type Mutation, SEAL_RECORD_KEY } from "@strongroom/storage";
import { UnsealFailedError } from "./errors.ts";
import { encodeSealHeader, encodeSealRecord, type KeyWrap, type SealHeader, type SealRecord } from "./seal-record.ts";
import { checkSealConfig, combineShares, type SealConfig, splitKey, UNSEAL_KEY_BYTES } from "./shamir.ts";
import { shareCommitment } from "./share-commitment.ts";

export interface NewSeal {
  /** The bytes of the seal record's row. */
  readonly record: Uint8Array;
  /** The put of it, in a clear row. At init it is guarded by the row's absence. */
  readonly mutation: Mutation;
  /** For the custodians; the caller wipes them once they are handed out. */
  readonly shares: readonly SecretBytes[];
}

/**
 * A new unseal key, split, and the record that lets the shares open `rootKey` again. `generation` is 1 at init and one
 * more at each rekey. Throws `SealConfigError`. `rootKey` stays the caller's.
 */
export async function createShamirSeal(
  options: SealConfig & { readonly barrierId: Uint8Array; readonly generation: number; readonly rootKey: Uint8Array },
  { keyWrap, entropy }: { readonly keyWrap: KeyWrap; readonly entropy: Entropy },
): Promise<NewSeal> {
  const { shares: count, threshold, barrierId, generation, rootKey } = options;
  checkSealConfig(options);
  const unsealKey = entropy.bytes(UNSEAL_KEY_BYTES);
  try {
    const shares = await splitKey(unsealKey, { shares: count, threshold });
    const record = sealRootKey({ barrierId, generation, shares, threshold, rootKey }, unsealKey, keyWrap);
    const bytes = encodeSealRecord(record);
    return {
      record: bytes,
      mutation: { kind: "put", key: SEAL_RECORD_KEY, term: 0, value: bytes },
      shares: shares.map((share) => new SecretBytes(share)),
    };
  } finally {
    unsealKey.fill(0);
  }
}

/** The record of a seal whose unseal key and shares are given. */
function sealRootKey(
  seal: {
    barrierId: Uint8Array;
    generation: number;
    shares: readonly Uint8Array[];
    threshold: number;
    rootKey: Uint8Array;
  },
  unsealKey: Uint8Array,
  keyWrap: KeyWrap,
): SealRecord {
  const { barrierId, generation, shares, threshold, rootKey } = seal;
  const header: SealHeader = {
    type: "shamir",
    shares: shares.length,
    threshold,
    generation,
    barrierId,
    commitments: shares.map((share) => shareCommitment(share, { barrierId, generation })),
    sealedUnsealKey: new Uint8Array(0),
  };
  return { ...header, wrappedRootKey: keyWrap.wrap(unsealKey, encodeSealHeader(header), rootKey) };
}

/**
 * The root key, from exactly as many shares as the threshold says. Throws `InvalidShareError`, and one and the same
 * `UnsealFailedError` for shares that do not belong together and for a record that was changed.
 */
export async function openRootKey(
  shares: readonly Uint8Array[],
  record: SealRecord,
  keyWrap: KeyWrap,
): Promise<SecretBytes> {
  const unsealKey = await combineShares(shares, record);
  const rootKey = keyWrap.unwrap(unsealKey, encodeSealHeader(record), record.wrappedRootKey);
  unsealKey.fill(0);
  if (rootKey === undefined) throw new UnsealFailedError();
  return new SecretBytes(rootKey);
}
