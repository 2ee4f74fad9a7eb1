/**
 * Undoes what leases stand for. First one command claims a batch: from then on the leases are over, and what is done outside has
 * its intent on disk. Then the engine is asked, once a lease and side by side; then one command forgets what is undone and puts
 * back what failed, for later. A claim that nobody comes back to is due again by itself, so whoever leads next goes on; hence
 * engines may be asked twice, and know it.
 */
import { tokenRowKey } from "@strongroom/barrier";
import type { HeldLease, PrepareContext } from "@strongroom/logical";
import { asError, assert, type Clock, type Logger, StrongroomError, type Timers } from "@strongroom/runtime";
import { LeadershipLostError, type Transaction } from "@strongroom/storage";
import { eachAtMost } from "../background/each-at-most.ts";
import type { LeaderStore } from "../background/leader-store.ts";
import type { Mount, Mounts, MountTable } from "../mounts.ts";
import type { LeaseEntry } from "./lease-entry.ts";
import type { LeaseMetrics } from "./lease-metrics.ts";
import { leaseIdOf } from "./lease-paths.ts";
import type { LeaseRef, LeaseRows } from "./lease-rows.ts";
import type { TokenExpiry } from "./lease-store.ts";

/** Vault's: after so many failures nobody tries any more unless asked. */
const MAX_ATTEMPTS = 6;
/** Before the second attempt; then twice as long each time. */
const FIRST_RETRY_MS = 10_000;
/** What an engine may take for one lease. */
const REVOKE_LIMIT_MS = 30_000;
/** A token's tree is marked long before; this is for a node that died at it. */
const TOKEN_CLAIM_MS = 60_000;
export const LEASES_PER_COMMAND = 128;
const AT_A_TIME = 32;
const MAX_ERROR_LENGTH = 500;

/** A lease that is due or asked for. */
export interface DueLease {
  readonly ref: LeaseRef;
  /** The row of the index that named it. */
  readonly key: Uint8Array;
}

export interface LeaseRevokerParts {
  readonly rows: LeaseRows;
  readonly mounts: Mounts;
  readonly tokens: TokenExpiry;
  /** What an engine's hook is given: a state to read, for as long as the hook runs. */
  readonly context: (
    tx: Transaction,
    mount: Mount,
    wait: { readonly deadlineMs: number; readonly signal: AbortSignal },
  ) => PrepareContext;
  readonly metrics: LeaseMetrics;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly logger: Logger;
}

interface ClaimedLease {
  readonly ref: LeaseRef;
  readonly leaseId: string;
  /** As it was before the claim. */
  readonly entry: LeaseEntry;
  readonly claimedUntilMs: number;
  readonly mount: Mount | undefined;
}

export class LeaseRevoker {
  readonly #parts: LeaseRevokerParts;

  constructor(parts: LeaseRevokerParts) {
    this.#parts = parts;
  }

  /**
   * Takes up leases of one mount, at most `LEASES_PER_COMMAND`, that are due. Resolves when each is undone, or put off. Throws
   * what `LeaderStore.write` throws.
   */
  async revoke(store: LeaderStore, leases: readonly DueLease[]): Promise<void> {
    assert(leases.length <= LEASES_PER_COMMAND, "a batch of leases fits one command");
    const { claimed, done } = await this.#claim(store, leases);
    this.#parts.metrics.expirations.add(done);
    const outcomes = new Map<ClaimedLease, string>();
    await eachAtMost(AT_A_TIME, claimed, async (lease) => {
      const error = await this.#undo(store, lease);
      if (lease.entry.kind === "secret") outcomes.set(lease, error);
    });
    if (outcomes.size > 0) await this.#settle(store, outcomes);
  }

  #claim(
    store: LeaderStore,
    leases: readonly DueLease[],
  ): Promise<{ readonly claimed: readonly ClaimedLease[]; readonly done: number }> {
    return store.write((tx) => {
      const { rows, mounts, metrics } = this.#parts;
      const table = mounts.table(tx, "write");
      const nowMs = Math.floor(store.nowMs());
      const claimed: ClaimedLease[] = [];
      let done = 0;
      for (const { ref, key } of leases) {
        const entry = rows.get(tx, ref);
        if (entry === undefined || !rows.isDueAt(tx, ref, { entry, key })) {
          // What this node saw may be old; but a row that is still there and names nothing would be found for ever.
          if (tx.get(key) !== undefined) tx.delete(key);
          continue;
        }
        if (entry.dueMs > nowMs) continue;
        const mount = table.byUuid.get(ref.mountUuid);
        if (!hasEffect(tx, entry, mount)) {
          rows.remove(tx, ref, entry);
          done++;
          continue;
        }
        metrics.timeInQueue.observe(nowMs - entry.dueMs);
        claimed.push(this.#claimOne(tx, table, { ref, entry, mount, nowMs }));
      }
      return { claimed, done };
    });
  }

  #claimOne(
    tx: Transaction,
    table: MountTable,
    { ref, entry, mount, nowMs }: { ref: LeaseRef; entry: LeaseEntry; mount: Mount | undefined; nowMs: number },
  ): ClaimedLease {
    const token = entry.kind === "token";
    const claimedUntilMs = nowMs + (token ? TOKEN_CLAIM_MS : REVOKE_LIMIT_MS + retryMs(entry.attempts + 1));
    const attempts = entry.attempts + 1;
    // Whether a token is over is said by its own row: its lease is not, unless somebody revoked it.
    const state = token ? entry.state : "revoking";
    const after: LeaseEntry = { ...entry, state, attempts, claimedUntilMs, dueMs: claimedUntilMs };
    this.#parts.rows.replace(tx, ref, { before: entry, after });
    return { ref, leaseId: leaseIdOf(table, ref), entry, claimedUntilMs, mount };
  }

  /** What went wrong, or "". */
  async #undo(store: LeaderStore, lease: ClaimedLease): Promise<string> {
    const { metrics, clock, logger } = this.#parts;
    const startMs = clock.monotonicMs();
    try {
      if (lease.entry.kind === "token") await this.#undoToken(store, lease.entry);
      else await this.#undoSecret(store, lease);
      return "";
    } catch (thrown) {
      if (thrown instanceof LeadershipLostError || store.signal.aborted) throw thrown;
      const error = asError(thrown);
      metrics.expirationErrors.add();
      logger.warn("a lease could not be revoked; it is tried again", { lease: lease.leaseId, error });
      // Only errors of this program are known to hold no secret.
      const text = error instanceof StrongroomError ? error.message : "internal error";
      return text.slice(0, MAX_ERROR_LENGTH);
    } finally {
      metrics.revocations.observe(clock.monotonicMs() - startMs);
    }
  }

  async #undoToken(store: LeaderStore, entry: LeaseEntry): Promise<void> {
    const { tokens, metrics } = this.#parts;
    assert(entry.tokenHash !== undefined, "a token's lease is the token's");
    // Revoked by its lease it may have long to live; else it is over only if its own row says so too.
    if (entry.state === "live") await tokens.expire(store, entry.tokenHash);
    else await tokens.revoke(store, entry.tokenHash);
    metrics.expirations.add();
  }

  async #undoSecret(store: LeaderStore, { ref, entry, mount, leaseId }: ClaimedLease): Promise<void> {
    const { clock, timers, context } = this.#parts;
    if (mount === undefined) throw new RevocationError("no engine of this server's serves the lease's mount");
    const held: HeldLease = {
      leaseId,
      path: ref.path.slice(0, Math.max(0, ref.path.lastIndexOf("/"))),
      issueTimeMs: entry.issueTimeMs,
      expireTimeMs: entry.expireTimeMs,
      incrementSeconds: 0,
      internal: entry.internal,
    };
    const limit = new AbortController();
    const signal = AbortSignal.any([store.signal, limit.signal]);
    const cancel = timers.after(REVOKE_LIMIT_MS, () => limit.abort());
    try {
      const wait = { deadlineMs: clock.monotonicMs() + REVOKE_LIMIT_MS, signal };
      const work = store.read((tx) => mount.backend.revoke?.(context(tx, mount, wait), held));
      await Promise.race([work, aborted(signal)]);
    } finally {
      cancel();
    }
  }

  #settle(store: LeaderStore, outcomes: ReadonlyMap<ClaimedLease, string>): Promise<void> {
    const { rows, metrics, logger } = this.#parts;
    const given: { readonly leaseId: string; readonly error: string; readonly forced: boolean }[] = [];
    return store
      .write((tx) => {
        given.length = 0;
        const nowMs = Math.floor(store.nowMs());
        let done = 0;
        for (const [{ ref, leaseId, claimedUntilMs }, error] of outcomes) {
          const entry = rows.get(tx, ref);
          if (entry === undefined || entry.claimedUntilMs !== claimedUntilMs) continue;
          if (error === "" || entry.force) {
            rows.remove(tx, ref, entry);
            done++;
            if (error !== "") given.push({ leaseId, error, forced: true });
            continue;
          }
          const over = entry.attempts >= MAX_ATTEMPTS;
          const next = over ? ({ state: "irrevocable" } as const) : { dueMs: nowMs + retryMs(entry.attempts) };
          rows.replace(tx, ref, { before: entry, after: { ...entry, ...next, claimedUntilMs: 0, error } });
          if (over) given.push({ leaseId, error, forced: false });
        }
        return done;
      })
      .then((done) => {
        metrics.expirations.add(done);
        for (const { leaseId, error, forced } of given) {
          const what = forced
            ? "a lease is forgotten by force; what it stood for may still be there"
            : "a lease is irrevocable: it is not tried any more unless somebody asks";
          logger.warn(what, { lease: leaseId, reason: error });
        }
      });
  }
}

/** How long to wait after the attempt that was the `attempts`th. */
function retryMs(attempts: number): number {
  return FIRST_RETRY_MS * 2 ** Math.max(0, attempts - 1);
}

/** Of an engine's hook that ran out of time, or of an engine that is not there. */
class RevocationError extends StrongroomError {
  readonly code = "revocation_failed";
}

/** A token that is gone, and an engine that grants without a trace, leave nothing to undo. */
function hasEffect(tx: Transaction, entry: LeaseEntry, mount: Mount | undefined): boolean {
  if (entry.kind === "secret") return mount === undefined || mount.backend.revoke !== undefined;
  return entry.tokenHash !== undefined && tx.get(tokenRowKey(entry.tokenHash)) !== undefined;
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    const fail = (): void =>
      reject(new RevocationError(`the engine did not answer within ${REVOKE_LIMIT_MS / 1000} seconds`));
    if (signal.aborted) fail();
    else signal.addEventListener("abort", fail, { once: true });
  });
}
