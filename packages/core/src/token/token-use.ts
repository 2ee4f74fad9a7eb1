/**
 * Tokens that are good for so many requests: each takes one away, in the same command as whatever it does. So a read with
 * such a token is a write, a request that loses a race counts when it runs again, and a refusal counts as well.
 */
import type { Transaction } from "@strongroom/storage";
import type { Bearer } from "./authenticator.ts";
import type { TokenServices } from "./token-services.ts";

/** The bearer as its own request sees it: with the uses that are left after it. */
export function afterThisUse(bearer: Bearer): Bearer {
  return { ...bearer, entry: { ...bearer.entry, numUses: bearer.entry.numUses - 1 } };
}

/** Takes one use away; the last one ends the token with all that belongs to it. Its row is guarded already. */
export function spendUse(
  tx: Transaction,
  { entry, hash }: Bearer,
  { store, revoker }: Pick<TokenServices, "store" | "revoker">,
): void {
  // The request itself may have renewed the token, or revoked it.
  const current = store.lookup(tx, hash, "write");
  if (current === undefined || current.closing) return;
  const left = entry.numUses - 1;
  if (left > 0) store.put(tx, hash, { ...current, numUses: left });
  else revoker.mark(tx, hash, current, "tree");
}
