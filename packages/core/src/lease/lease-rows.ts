/**
 * The rows of leases. The lease itself lies under its path below its mount, in a scope of its own beside the mount's rows, so
 * that it is listed by prefix and a mount that moves takes its leases along. Beside it stand one row in the index of what
 * falls due (or among the irrevocable) and, for a secret's, one in the index of its token. All are written in one command.
 */
import { createHash } from "node:crypto";
import type { Barrier, BarrierView, Scope } from "@strongroom/barrier";
import { assert, equalBytes, fromHex, fromUtf8, utf8 } from "@strongroom/runtime";
import type { KeyedRow, Transaction } from "@strongroom/storage";
import { ROOT_NAMESPACE_ID } from "../system-scope.ts";
import { decodeLeaseEntry, encodeLeaseEntry, type LeaseEntry } from "./lease-entry.ts";
import { dueKey, irrevocableKey, type LeaseKeyParts, mountUuidOf, tokenKey } from "./lease-keys.ts";

/** Where a lease's row lies, wherever its mount hangs. */
export interface LeaseRef {
  readonly mountUuid: string;
  /** Below the mount; its last segment is the lease's own. */
  readonly path: string;
}

const INDEX_PURPOSE = "lease-index";
const SCOPE_LABEL = utf8("strongroom leases v1");
const LEASE_HASH_BYTES = 16;
/** Scopes are remembered, since names are hashed for each object anew. */
const CACHED_SCOPES = 10_000;

export class LeaseRows {
  readonly #barrier: Barrier;
  readonly #scopes = new Map<string, { readonly scope: Scope; readonly mountId: Uint8Array }>();

  constructor(barrier: Barrier) {
    this.#barrier = barrier;
  }

  /** Guarded. */
  get(tx: Transaction, ref: LeaseRef): LeaseEntry | undefined {
    const view = this.view(tx, ref.mountUuid);
    const bytes = view.get(ref.path);
    if (bytes === undefined) return undefined;
    return decodeLeaseEntry(bytes, tx.peek(view.storageKey(ref.path))?.revision.index ?? 0);
  }

  /** A lease that was not there. */
  add(tx: Transaction, ref: LeaseRef, entry: LeaseEntry): void {
    const parts = this.#parts(tx, ref);
    this.view(tx, ref.mountUuid).put(ref.path, encodeLeaseEntry(entry), { isNew: true });
    this.#putIndex(tx, dueKey(entry.dueMs, parts), ref);
    if (entry.kind === "secret" && entry.tokenHash !== undefined) {
      this.#putIndex(tx, tokenKey(entry.tokenHash, parts), ref);
    }
  }

  /** `before` is what `get` gave in this transaction. */
  replace(tx: Transaction, ref: LeaseRef, { before, after }: { before: LeaseEntry; after: LeaseEntry }): void {
    const parts = this.#parts(tx, ref);
    this.view(tx, ref.mountUuid).put(ref.path, encodeLeaseEntry(after));
    const key = placeOf(after, parts);
    const old = placeOf(before, parts);
    if (equalBytes(old, key)) return;
    tx.delete(old);
    this.#putIndex(tx, key, ref);
  }

  /** `entry` is what `get` gave in this transaction. */
  remove(tx: Transaction, ref: LeaseRef, entry: LeaseEntry): void {
    const parts = this.#parts(tx, ref);
    this.view(tx, ref.mountUuid).delete(ref.path);
    tx.delete(placeOf(entry, parts));
    if (entry.kind === "secret" && entry.tokenHash !== undefined) tx.delete(tokenKey(entry.tokenHash, parts));
  }

  /** Whether `key` is where the lease stands among what falls due. */
  isDueAt(tx: Transaction, ref: LeaseRef, { entry, key }: { entry: LeaseEntry; key: Uint8Array }): boolean {
    return equalBytes(placeOf(entry, this.#parts(tx, ref)), key);
  }

  /** All leases of a mount, by their paths. */
  view(tx: Transaction, mountUuid: string): BarrierView {
    return this.#barrier.view(tx, this.#scope(mountUuid).scope);
  }

  /** The lease that a row of an index stands for. */
  refOf({ key, row }: KeyedRow): LeaseRef {
    return { mountUuid: mountUuidOf(key), path: fromUtf8(this.#barrier.openValue(key, INDEX_PURPOSE, row)) };
  }

  #putIndex(tx: Transaction, key: Uint8Array, ref: LeaseRef): void {
    this.#barrier.rows(tx, INDEX_PURPOSE).put(key, utf8(ref.path));
  }

  #parts(tx: Transaction, ref: LeaseRef): LeaseKeyParts {
    const storageKey = this.view(tx, ref.mountUuid).storageKey(ref.path);
    return {
      mountId: this.#scope(ref.mountUuid).mountId,
      leaseHash: storageKey.subarray(storageKey.length - LEASE_HASH_BYTES),
    };
  }

  #scope(mountUuid: string): { readonly scope: Scope; readonly mountId: Uint8Array } {
    let known = this.#scopes.get(mountUuid);
    if (known === undefined) {
      const mountId = fromHex(mountUuid.replaceAll("-", ""));
      known = { scope: leaseScope(mountId), mountId };
      if (this.#scopes.size >= CACHED_SCOPES) this.#scopes.clear();
      this.#scopes.set(mountUuid, known);
    }
    return known;
  }
}

/** Beside the mount's own scope, which its sweep empties. */
function leaseScope(mountId: Uint8Array): Scope {
  assert(mountId.length === 16, "a mount's uuid has 16 bytes");
  const hash = createHash("sha256").update(SCOPE_LABEL).update(mountId).digest();
  return { namespaceId: ROOT_NAMESPACE_ID, mountId: new Uint8Array(hash.subarray(0, 16)) };
}

function placeOf(entry: LeaseEntry, parts: LeaseKeyParts): Uint8Array {
  return entry.state === "irrevocable" ? irrevocableKey(parts) : dueKey(entry.dueMs, parts);
}
