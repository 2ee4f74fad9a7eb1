/**
 * Rows whose key is not a hidden name but fixed, or a keyed hash already: tokens, accessors, the epoch, indexes. The
 * value is format u8 and the sealed bytes, bound to the key and to a purpose.
 */
import type { Row, Transaction } from "@strongroom/storage";
import { KEY_KIND, makeKey } from "@strongroom/storage";
import { SEALED_OVERHEAD } from "./aead.ts";
import { IntegrityError, UnknownFormatError } from "./errors.ts";
import { beforeWrite } from "./fences.ts";
import type { Sealer } from "./sealer.ts";

const FORMAT = 1;

export function sealRowValue(
  sealer: Sealer,
  row: { term: number; storageKey: Uint8Array; purpose: string; plaintext: Uint8Array },
): Uint8Array {
  const bytes = new Uint8Array(1 + row.plaintext.length + SEALED_OVERHEAD);
  bytes[0] = FORMAT;
  sealer.sealInto(bytes, 1, row.term, row, row.plaintext);
  return bytes;
}

/** Throws `IntegrityError`. */
export function openRowValue(
  sealer: Sealer,
  storageKey: Uint8Array,
  purpose: string,
  row: Pick<Row, "term" | "value">,
): Uint8Array {
  const format = row.value[0];
  if (format === undefined) throw new IntegrityError("a stored row");
  if (format !== FORMAT) throw new UnknownFormatError("a stored row", format);
  return sealer.open(row.term, { purpose, storageKey }, row.value.subarray(1));
}

/** Sealed rows of one purpose in one transaction, at keys that the caller makes. */
export class SealedRows {
  readonly #tx: Transaction;
  readonly #sealer: Sealer;
  readonly #activeTerm: () => number;
  readonly #purpose: string;

  constructor(parts: { tx: Transaction; sealer: Sealer; activeTerm: () => number; purpose: string }) {
    this.#tx = parts.tx;
    this.#sealer = parts.sealer;
    this.#activeTerm = parts.activeTerm;
    this.#purpose = parts.purpose;
  }

  /** The value in a buffer of its own. Guards the row, or its absence. */
  get(key: Uint8Array): Uint8Array | undefined {
    const row = this.#tx.get(key);
    return row === undefined ? undefined : openRowValue(this.#sealer, key, this.#purpose, row);
  }

  put(key: Uint8Array, plaintext: Uint8Array): void {
    beforeWrite(this.#tx);
    const term = this.#activeTerm();
    this.#tx.put(key, term, sealRowValue(this.#sealer, { term, storageKey: key, purpose: this.#purpose, plaintext }));
  }

  delete(key: Uint8Array): void {
    beforeWrite(this.#tx);
    this.#tx.delete(key);
  }
}

/** The row of a token, by `Barrier.hashTokenId` of its id. */
export function tokenRowKey(idHash: Uint8Array): Uint8Array {
  return makeKey(KEY_KIND.token, idHash);
}

/** The row of an accessor, by `Barrier.hashTokenId` of it. */
export function accessorRowKey(idHash: Uint8Array): Uint8Array {
  return makeKey(KEY_KIND.accessor, idHash);
}
