/**
 * The log's time. A leader stamps entries with it, every node decides expiry by it, and it neither runs wild nor pauses:
 * a stamp is max(previous, the leader's wall clock), but a leader whose clock is more than a minute beyond what the log
 * and its own monotonic clock say may only follow the monotonic one, until a majority of the voters' clocks agree with
 * its own to two seconds. Peers' clocks come with their frames and are compared, never adopted.
 */

/** One moment on this node, read once a turn. */
export interface Instant {
  readonly monotonicMs: number;
  readonly wallMs: number;
}

export interface Stamp {
  readonly logTimeMs: number;
  /** The wall clock was not believed; an operator should know. */
  readonly alarm: boolean;
}

/** Clocks further apart than this are not the same time. */
export const SKEW_LIMIT_MS = 2_000;
/** How far the wall clock may lead the log's expected time before it needs the voters' support. */
export const RUNAWAY_LIMIT_MS = 60_000;
/** A peer's clock that was not heard for this long supports nothing. */
const SAMPLE_LIFETIME_MS = 5_000;

/** What a peer's clock read, and when that was by this node's monotonic clock: its own wall clock may have been set since. */
interface Sample {
  readonly wallMs: number;
  readonly atMs: number;
}

export class LogClock {
  #lastMs: number;
  #lastAtMs: number;
  #toldMs = 0;
  readonly #samples = new Map<number, Sample>();

  /** `logTimeMs`: the newest stamp that this node has applied; 0 in a new cluster. */
  constructor(logTimeMs: number, now: Instant) {
    this.#lastMs = logTimeMs;
    this.#lastAtMs = now.monotonicMs;
  }

  /**
   * The log's time here, in whole milliseconds: the last stamp and what has passed since. Never moves back: where this node's
   * clock ran ahead of the leader's stamps, it stands still until they have caught up.
   */
  nowMs(now: Instant): number {
    this.#toldMs = Math.max(this.#toldMs, this.#expectedMs(now));
    return this.#toldMs;
  }

  /** An entry with this stamp was applied, here or by the snapshot that replaced the state. */
  applied(logTimeMs: number, now: Instant): void {
    if (logTimeMs <= this.#lastMs) return;
    this.#lastMs = logTimeMs;
    this.#lastAtMs = now.monotonicMs;
  }

  /** A frame came from `peer`, which read `senderWallMs` when it sent it. */
  sample(peer: number, senderWallMs: number, now: Instant): void {
    this.#samples.set(peer, { wallMs: senderWallMs, atMs: now.monotonicMs });
  }

  forget(peer: number): void {
    this.#samples.delete(peer);
  }

  /** The stamp of the entry that this leader is about to append. `voters` includes this node as `self`. */
  stamp(now: Instant, voters: readonly number[], self: number): Stamp {
    const expectedMs = this.#expectedMs(now);
    const runaway = now.wallMs > expectedMs + RUNAWAY_LIMIT_MS;
    const believed = !runaway || this.#supported(now, voters, self);
    const logTimeMs = believed ? Math.max(this.#lastMs, Math.floor(now.wallMs)) : expectedMs;
    if (logTimeMs > this.#lastMs) {
      this.#lastMs = logTimeMs;
      this.#lastAtMs = now.monotonicMs;
    }
    return { logTimeMs, alarm: !believed };
  }

  #expectedMs(now: Instant): number {
    return this.#lastMs + Math.max(0, Math.floor(now.monotonicMs - this.#lastAtMs));
  }

  #supported(now: Instant, voters: readonly number[], self: number): boolean {
    let agreeing = 0;
    for (const voter of voters) {
      const sample = this.#samples.get(voter);
      if (voter === self) agreeing++;
      else if (sample !== undefined && agrees(sample, now)) agreeing++;
    }
    return agreeing > voters.length / 2;
  }
}

function agrees({ wallMs, atMs }: Sample, now: Instant): boolean {
  const ageMs = now.monotonicMs - atMs;
  return ageMs <= SAMPLE_LIFETIME_MS && Math.abs(wallMs + ageMs - now.wallMs) <= SKEW_LIMIT_MS;
}

/** Whether a frame's clock is too far from this node's for its proposals to be taken. */
export function isSkewed(senderWallMs: number, now: Instant): boolean {
  return Math.abs(senderWallMs - now.wallMs) > SKEW_LIMIT_MS;
}
