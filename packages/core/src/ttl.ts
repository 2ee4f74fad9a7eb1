/**
 * How long a token or a lease lives: one rule for all, in whole seconds. Bounds come from the mount (and behind it the
 * system), from the role, and from an explicit maximum; a period renews for ever, within an explicit maximum only.
 */
import { formatDuration, LogicalError } from "@strongroom/logical";

/** 768 hours: Vault's, where a mount does not say otherwise. */
export const SYSTEM_LEASE_TTL_SECONDS = 2_764_800;

/** All in seconds, 0 for "nothing said". */
export interface TtlQuestion {
  /** Asked for by the client. */
  readonly incrementSeconds: number;
  /** The role's. */
  readonly ttlSeconds: number;
  readonly maxTtlSeconds: number;
  readonly explicitMaxTtlSeconds: number;
  readonly periodSeconds: number;
  readonly mount: { readonly defaultLeaseTtlSeconds: number; readonly maxLeaseTtlSeconds: number };
  /** When the token or lease was first issued. */
  readonly issueTimeMs: number;
  readonly nowMs: number;
}

export interface Ttl {
  /** 1 or more: what has less than a second left is over, and never renewed to 0, which would mean "for ever". */
  readonly ttlSeconds: number;
  readonly warnings: readonly string[];
}

/** Throws `LogicalError` for what is past its greatest age. */
export function calculateTtl(question: TtlQuestion): Ttl {
  const { incrementSeconds, ttlSeconds, explicitMaxTtlSeconds, periodSeconds, mount, issueTimeMs, nowMs } = question;
  const systemMax = mount.maxLeaseTtlSeconds || SYSTEM_LEASE_TTL_SECONDS;
  const maxSeconds = smallest(systemMax, question.maxTtlSeconds, explicitMaxTtlSeconds);
  const warnings: string[] = [];
  let granted: number;
  let boundSeconds = maxSeconds;
  if (periodSeconds > 0) {
    granted = periodSeconds;
    if (granted > maxSeconds) {
      warnings.push(
        `period of "${brief(granted)}" exceeded the effective max_ttl of "${brief(maxSeconds)}"; period value is capped accordingly`,
      );
      granted = maxSeconds;
    }
    boundSeconds = explicitMaxTtlSeconds;
  } else {
    // A default above the maximum is no wish of the client's: it is cut without a word.
    const fallback = Math.min(mount.defaultLeaseTtlSeconds || SYSTEM_LEASE_TTL_SECONDS, maxSeconds);
    granted = incrementSeconds || ttlSeconds || fallback;
  }
  if (boundSeconds > 0) {
    const leftSeconds = Math.floor((issueTimeMs + boundSeconds * 1000 - nowMs) / 1000);
    if (leftSeconds < 1)
      throw new LogicalError("invalid_request", "past the max TTL, cannot renew", { fromState: true });
    if (granted > leftSeconds) {
      const asked = periodSeconds > 0 || incrementSeconds > 0 || ttlSeconds > 0;
      if (asked) {
        warnings.push(
          `TTL of "${brief(granted)}" exceeded the effective max_ttl of "${brief(leftSeconds)}"; TTL value is capped accordingly`,
        );
      }
      granted = leftSeconds;
    }
  }
  return { ttlSeconds: granted, warnings };
}

/** What is left at `nowMs` of a time that ends, in whole seconds; 0 once it is over. */
export function secondsLeft(expireTimeMs: number, nowMs: number): number {
  return Math.max(0, Math.floor((expireTimeMs - nowMs) / 1000));
}

/** `768h`, not `768h0m0s`. */
function brief(seconds: number): string {
  return formatDuration(seconds).replace(/m0s$/, "m").replace(/h0m$/, "h");
}

function smallest(first: number, ...bounds: readonly number[]): number {
  return bounds.reduce((least, bound) => (bound > 0 && bound < least ? bound : least), first);
}
