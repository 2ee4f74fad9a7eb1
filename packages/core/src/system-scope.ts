/**
 * Where the server's own configuration lies (mounts, policies), and the epoch that stands for all of it: each change bumps
 * the epoch row in the same command, and a request that writes guards that one row, so that it never runs under a
 * configuration that is gone.
 */
import type { Scope } from "@strongroom/barrier";
import { EPOCH_KEY, type Invalidation, KEY_KIND, type Transaction } from "@strongroom/storage";

/** Of the root namespace, the only one so far. */
export const ROOT_NAMESPACE_ID: Uint8Array = new Uint8Array(4);

export const SYSTEM_SCOPE: Scope = { namespaceId: ROOT_NAMESPACE_ID, mountId: new Uint8Array(16) };

/** What requests guard is the row's revision; it has no content. */
export function bumpEpoch(tx: Transaction): void {
  tx.put(EPOCH_KEY, 0, new Uint8Array(0));
}

/** Whether the configuration has changed, or may have. */
export function changesEpoch(event: Invalidation): boolean {
  return event.type === "all" || event.keys.some((key) => key.length === 1 && key[0] === KEY_KIND.epoch);
}
