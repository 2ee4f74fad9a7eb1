/**
 * The rule against phantoms: a transaction that has listed a directory may not write, because between its snapshot and its
 * commit another one can add a child that it never saw, and no guard on rows would notice. The exception is a directory
 * behind a fence: a row of its owner that was marked as closing before, and that all who create anything below guard.
 * The fence is read with a guard, so that the commit fails if it was lifted. To break the rule is a bug of the caller.
 */
import { assert } from "@strongroom/runtime";
import type { Transaction } from "@strongroom/storage";

const listed = new WeakSet<Transaction>();

/** To be called before a LIST. `fence` is the storage key of the owner's row. */
export function beforeList(tx: Transaction, fence: Uint8Array | undefined): void {
  if (fence !== undefined) {
    assert(tx.get(fence) !== undefined, "the row that fences a listed directory exists");
    return;
  }
  assert(!tx.dirty, "a transaction that has written lists only behind a fence");
  listed.add(tx);
}

/**
 * What the transaction has listed goes to the client as it is, and nothing that is written from here on hangs on it: a counter
 * of uses, a wrapped answer.
 */
export function answeredList(tx: Transaction): void {
  listed.delete(tx);
}

/** To be called before a put or a delete. */
export function beforeWrite(tx: Transaction): void {
  assert(!listed.has(tx), "a transaction that has listed without a fence does not write");
}
