/**
 * Too many wrong passwords in a row lock a name out for a while, on every node alike: failures are rows of the mount, written
 * by the very request that fails. What a name does not exist under fails into one of a fixed number of rows, so that a flood
 * of made-up names fills no disk, and locks nobody out who exists.
 */
import { createHash } from "node:crypto";
import { LogicalError, type LogicalStorage, type RequestContext, type UserLockout } from "@strongroom/logical";
import { readRow, writeRow } from "./rows.ts";

interface Failures {
  readonly name: string;
  readonly count: number;
  readonly lastMs: number;
}

const DEFAULTS = { thresholdCount: 5, durationSeconds: 900, counterResetSeconds: 900, disabled: false } as const;
const UNKNOWN_ROWS = 4096;

export class Lockout {
  readonly #context: Pick<RequestContext, "nowMs" | "mount"> & { readonly storage: Pick<LogicalStorage, "get"> };
  readonly #path: string;
  readonly #name: string;
  readonly #settings: Required<UserLockout>;

  /** `exists`: whether there is such a user or role. */
  constructor(
    context: Pick<RequestContext, "nowMs" | "mount"> & { readonly storage: Pick<LogicalStorage, "get"> },
    name: string,
    exists: boolean,
  ) {
    this.#context = context;
    this.#name = name;
    this.#path = exists ? knownPath(name) : `lockout/unknown/${bucketOf(name)}`;
    this.#settings = { ...DEFAULTS, ...context.mount.config.userLockout };
  }

  /** Throws `LogicalError` permission_denied while the name is locked out, whatever the password. */
  check(): void {
    if (this.#settings.disabled) return;
    const failures = this.#failures();
    if (failures === undefined || failures.count < this.#settings.thresholdCount) return;
    throw new LogicalError("permission_denied", "permission denied", { fromState: true });
  }

  /** Of a wrong password. */
  failed(storage: LogicalStorage): void {
    if (this.#settings.disabled) return;
    const count = (this.#failures()?.count ?? 0) + 1;
    writeRow(storage, this.#path, {
      name: this.#name,
      count,
      lastMs: Math.floor(this.#context.nowMs),
    } satisfies Failures);
  }

  /** Of a right one. */
  succeeded(storage: LogicalStorage): void {
    if (readRow<Failures>(storage, this.#path) !== undefined) storage.delete(this.#path);
  }

  /** Those that still count: a lockout ends after its duration, a count that led to none after its own time. */
  #failures(): Failures | undefined {
    const failures = readRow<Failures>(this.#context.storage, this.#path);
    if (failures === undefined) return undefined;
    const { thresholdCount, durationSeconds, counterResetSeconds } = this.#settings;
    const seconds = failures.count >= thresholdCount ? durationSeconds : counterResetSeconds;
    return this.#context.nowMs - failures.lastMs < seconds * 1000 ? failures : undefined;
  }
}

/** Names that exist and are locked out now, ascending. */
export async function lockedNames(
  context: Pick<RequestContext, "storage" | "nowMs" | "mount">,
): Promise<readonly string[]> {
  const { thresholdCount, durationSeconds, disabled } = { ...DEFAULTS, ...context.mount.config.userLockout };
  if (disabled) return [];
  const locked: string[] = [];
  for (const child of await context.storage.list("lockout/known/")) {
    const failures = readRow<Failures>(context.storage, `lockout/known/${child}`);
    if (failures === undefined || failures.count < thresholdCount) continue;
    if (context.nowMs - failures.lastMs < durationSeconds * 1000) locked.push(failures.name);
  }
  return locked.sort();
}

export function unlock(storage: LogicalStorage, name: string): void {
  storage.delete(knownPath(name));
}

function knownPath(name: string): string {
  return `lockout/known/${name}`;
}

function bucketOf(name: string): number {
  return createHash("sha256").update(name).digest().readUInt16BE(0) % UNKNOWN_ROWS;
}
