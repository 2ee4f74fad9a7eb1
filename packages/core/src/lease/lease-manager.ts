/**
 * Leases as the request path and the endpoints know them, by their ids. A lease that is revoked is only marked here, and moves to
 * the front of what is due; the expiry worker of the leader undoes its effect (`lease-revoker.ts`).
 */
import { type Internal, LogicalError } from "@strongroom/logical";
import { assert, type Entropy, fromUtf8, present, toHex } from "@strongroom/runtime";
import { keyAfter, type Transaction } from "@strongroom/storage";
import type { LeaderStore } from "../background/leader-store.ts";
import { randomBase62 } from "../base62.ts";
import { TOKEN_MOUNT } from "../mount-entry.ts";
import type { Mounts, MountTable } from "../mounts.ts";
import type { LeaseEntry } from "./lease-entry.ts";
import { tokenRange } from "./lease-keys.ts";
import type { LeaseMetrics } from "./lease-metrics.ts";
import { leaseIdOf, refsOf } from "./lease-paths.ts";
import type { LeaseRef, LeaseRows } from "./lease-rows.ts";
import type { Lease, LeaseStore, NewLease } from "./lease-store.ts";

const ID_LENGTH = 24;
const LEASES_PER_PAGE = 256;

/** A lease that was found. */
export interface FoundLease {
  readonly ref: LeaseRef;
  readonly entry: LeaseEntry;
  /** As it is known now: the client's may be from before its mount moved. */
  readonly leaseId: string;
}

export interface LeaseManagerParts {
  readonly rows: LeaseRows;
  readonly mounts: Mounts;
  readonly entropy: Entropy;
  readonly metrics: LeaseMetrics;
  /** The log's time. */
  readonly nowMs: () => number;
}

export class LeaseManager implements LeaseStore {
  readonly #parts: LeaseManagerParts;

  constructor(parts: LeaseManagerParts) {
    this.#parts = parts;
  }

  register(tx: Transaction, lease: NewLease): string {
    const { rows, mounts, entropy, metrics } = this.#parts;
    const mountPath = mountPathOf(mounts.table(tx, "write"), lease.mountUuid);
    const { kind, tokenHash } = lease;
    (kind === "token" ? metrics.registeredAuth : metrics.registered).add();
    const own =
      kind === "token"
        ? `h${toHex(present(tokenHash, "a token's lease is the token's"))}`
        : fromUtf8(randomBase62(entropy, ID_LENGTH));
    const leaseId = `${lease.path.replace(/\/$/, "")}/${own}`;
    assert(leaseId.startsWith(mountPath), "a lease's path begins with its mount's: else nobody would find it again");
    const expireTimeMs = Math.ceil(lease.expireTimeMs);
    rows.add(
      tx,
      { mountUuid: lease.mountUuid, path: leaseId.slice(mountPath.length) },
      {
        kind,
        tokenHash,
        issueTimeMs: Math.floor(lease.issueTimeMs),
        expireTimeMs,
        lastRenewalMs: 0,
        renewable: lease.renewable,
        ttlSeconds: lease.ttlSeconds ?? 0,
        maxTtlSeconds: lease.maxTtlSeconds ?? 0,
        internal: lease.internal,
        state: "live",
        dueMs: expireTimeMs,
        claimedUntilMs: 0,
        attempts: 0,
        error: "",
        force: false,
        madeAtIndex: 0,
      },
    );
    return leaseId;
  }

  lookup(tx: Transaction, leaseId: string): Lease | undefined {
    const found = this.find(tx, leaseId, "write");
    if (found === undefined || found.entry.state !== "live") return undefined;
    const { entry, ref } = found;
    return {
      leaseId: found.leaseId,
      kind: entry.kind,
      path: found.leaseId.slice(0, found.leaseId.lastIndexOf("/")),
      mountUuid: ref.mountUuid,
      tokenHash: entry.tokenHash,
      issueTimeMs: entry.issueTimeMs,
      expireTimeMs: entry.expireTimeMs,
      renewable: entry.renewable,
      internal: entry.internal,
      ttlSeconds: entry.ttlSeconds,
      maxTtlSeconds: entry.maxTtlSeconds,
    };
  }

  renew(
    tx: Transaction,
    leaseId: string,
    to: { readonly expireTimeMs: number; readonly internal?: Internal; readonly renewable?: boolean },
  ): void {
    const found = this.find(tx, leaseId, "write");
    if (found === undefined || found.entry.state !== "live") throw unknownLease();
    const { rows, nowMs, metrics } = this.#parts;
    metrics.renewals.add();
    const { ref, entry } = found;
    const expireTimeMs = Math.ceil(to.expireTimeMs);
    rows.replace(tx, ref, {
      before: entry,
      after: {
        ...entry,
        expireTimeMs,
        dueMs: expireTimeMs,
        lastRenewalMs: Math.floor(nowMs()),
        internal: to.internal ?? entry.internal,
        renewable: to.renewable ?? entry.renewable,
      },
    });
  }

  release(tx: Transaction, leaseId: string): void {
    const found = this.find(tx, leaseId, "write");
    if (found !== undefined) this.#parts.rows.remove(tx, found.ref, found.entry);
  }

  async revokeOf(store: LeaderStore, tokenHash: Uint8Array): Promise<void> {
    const { rows } = this.#parts;
    let { gte, lt } = tokenRange(tokenHash);
    for (;;) {
      const page = await store.rows({ gte, lt }, LEASES_PER_PAGE);
      const last = page.at(-1);
      if (last === undefined) return;
      await store.write((tx) => {
        for (const row of page) {
          const ref = rows.refOf(row);
          const entry = rows.get(tx, ref);
          if (entry?.state === "live") this.queue(tx, { ref, entry }, { force: false });
        }
      });
      gte = keyAfter(last.key);
    }
  }

  /** Whatever its state; guarded. */
  find(tx: Transaction, leaseId: string, mode: "read" | "write"): FoundLease | undefined {
    const { rows, mounts } = this.#parts;
    const table = mounts.table(tx, mode);
    for (const ref of refsOf(table, leaseId)) {
      const entry = rows.get(tx, ref);
      if (entry !== undefined) return { ref, entry, leaseId: leaseIdOf(table, ref) };
    }
    return undefined;
  }

  /**
   * Ends a lease from this command on: nobody can renew it, and its effect is undone as soon as the leader comes to it. `force`:
   * it is forgotten even if that fails. False where there was nothing to change.
   */
  queue(
    tx: Transaction,
    { ref, entry }: Pick<FoundLease, "ref" | "entry">,
    options: { readonly force: boolean },
  ): boolean {
    const nowMs = this.#parts.nowMs();
    const force = entry.force || options.force;
    // Whoever is at it says how it went; then it is tried again, or forgotten.
    const claimed = entry.state === "revoking" && entry.claimedUntilMs > nowMs;
    const waits = entry.state === "revoking" && entry.attempts === 0;
    if ((claimed || waits) && force === entry.force) return false;
    const queued: Partial<LeaseEntry> = claimed
      ? {}
      : { state: "revoking", dueMs: Math.floor(nowMs), attempts: 0, error: "" };
    this.#parts.rows.replace(tx, ref, { before: entry, after: { ...entry, ...queued, force } });
    return true;
  }
}

/** What clients are told of a lease that is not there, or is over. */
export function unknownLease(): LogicalError {
  return new LogicalError("invalid_request", "invalid lease", { fromState: true });
}

function mountPathOf(table: MountTable, uuid: string): string {
  if (uuid === TOKEN_MOUNT.uuid) return TOKEN_MOUNT.path;
  return present(table.byUuid.get(uuid), "a lease is made by a mount of the table").entry.path;
}
