/**
 * How long a lease or token may live from now: Vault's rule, as one pure function. Whatever is asked for, nothing lives past
 * its issue plus the greatest time that mount, role and token allow; only a periodic one goes on for as long as it is renewed.
 */
import { formatDuration, LogicalError } from "@strongroom/logical";

/** Durations in whole seconds; 0 stands for "not given" wherever a rule may be missing. */
export interface TtlRules {
  /** By the log's clock. */
  readonly nowMs: number;
  /** When it was issued: `nowMs` for a new one. */
  readonly issueTimeMs: number;
  /** What the client asks for. */
  readonly incrementSeconds: number;
  /** The engine's or role's own. */
  readonly ttlSeconds: number;
  readonly maxTtlSeconds: number;
  /** Of a token: no renewal passes it, also of a periodic one. */
  readonly explicitMaxTtlSeconds: number;
  readonly periodSeconds: number;
  /** The mount's, its own or else the system's: both above 0. */
  readonly mount: LeaseTtls;
}

/** What a mount, or the system, gives those that ask for nothing, and at most. */
export interface LeaseTtls {
  readonly defaultSeconds: number;
  readonly maxSeconds: number;
}

export interface GrantedTtl {
  /** At least 1. */
  readonly ttlSeconds: number;
  /** When that is over, in whole milliseconds. */
  readonly expireTimeMs: number;
  readonly warnings: readonly string[];
}

/** Throws `LogicalError` when less than a second is left: a time of 0 would mean that it never ends. */
export function calculateTtl(rules: TtlRules): GrantedTtl {
  const { nowMs, issueTimeMs, periodSeconds, explicitMaxTtlSeconds, mount } = rules;
  const maxSeconds = Math.min(mount.maxSeconds, orEndless(rules.maxTtlSeconds), orEndless(explicitMaxTtlSeconds));
  const warnings: string[] = [];
  let ttlSeconds = rules.incrementSeconds || rules.ttlSeconds || mount.defaultSeconds;
  let lifeSeconds = maxSeconds;
  if (periodSeconds > 0) {
    ttlSeconds = Math.min(periodSeconds, maxSeconds);
    lifeSeconds = orEndless(explicitMaxTtlSeconds);
    if (ttlSeconds < periodSeconds) {
      warnings.push(
        `period of "${formatDuration(periodSeconds)}" exceeded the effective max_ttl of "${formatDuration(maxSeconds)}"; ` +
          "period value is capped accordingly",
      );
    }
  }
  const leftSeconds = Math.floor((issueTimeMs + lifeSeconds * 1000 - nowMs) / 1000);
  if (leftSeconds <= 0)
    throw new LogicalError("invalid_request", "past the max TTL, cannot renew", { fromState: true });
  if (ttlSeconds > leftSeconds) {
    warnings.push(
      `TTL of "${formatDuration(ttlSeconds)}" exceeded the effective max_ttl of "${formatDuration(leftSeconds)}"; ` +
        "TTL value is capped accordingly",
    );
    ttlSeconds = leftSeconds;
  }
  return { ttlSeconds, expireTimeMs: Math.ceil(nowMs) + ttlSeconds * 1000, warnings };
}

/** A mount's own times, the system's where it has none. */
export function effectiveTtls(
  own: { readonly defaultLeaseTtlSeconds: number; readonly maxLeaseTtlSeconds: number },
  system: LeaseTtls,
): LeaseTtls {
  const maxSeconds = own.maxLeaseTtlSeconds || system.maxSeconds;
  const defaultSeconds = own.defaultLeaseTtlSeconds || system.defaultSeconds;
  return { defaultSeconds: Math.min(defaultSeconds, maxSeconds), maxSeconds };
}

/** What is left at `nowMs` of a time that ends, in whole seconds; 0 once it is over. */
export function secondsLeft(expireTimeMs: number, nowMs: number): number {
  return Math.max(0, Math.floor((expireTimeMs - nowMs) / 1000));
}

function orEndless(seconds: number): number {
  return seconds > 0 ? seconds : Number.POSITIVE_INFINITY;
}
