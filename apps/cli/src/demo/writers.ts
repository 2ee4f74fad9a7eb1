/**
 * A stream of writes through the SDK, with a record of what was acknowledged and when: what a failover is measured by, and
 * what has to be there after it.
 */
import type { Kv, StrongroomClient } from "@strongroom/client";
import { nodeClock } from "@strongroom/runtime/node";
import { pause } from "../wait.ts";

const WRITERS = 4;
const PAUSE_MS = 2;
const READERS = 16;

export class Writers {
  readonly #kv: Kv;
  readonly #writing: Promise<void>[];
  readonly #acknowledged = new Map<string, number>();
  /** When each write was acknowledged, in monotonic milliseconds, ascending. */
  readonly #times: number[] = [];
  #stopped = false;
  #failed = 0;

  /** Starts at once. */
  constructor(client: StrongroomClient, mount: string) {
    this.#kv = client.kv(mount);
    this.#writing = Array.from({ length: WRITERS }, (_, writer) => this.#write(writer));
  }

  get acknowledged(): number {
    return this.#acknowledged.size;
  }

  /** Writes that the client gave up on; nothing is owed for them. */
  get failed(): number {
    return this.#failed;
  }

  /** Acknowledged since `sinceMs`. */
  acknowledgedSince(sinceMs: number): number {
    return this.#times.length - this.#times.findLastIndex((time) => time < sinceMs) - 1;
  }

  /** The longest stretch without an acknowledgement that ended after `sinceMs`, up to now. */
  longestGapMs(sinceMs: number): number {
    const from = Math.max(
      0,
      this.#times.findLastIndex((time) => time < sinceMs),
    );
    let longestMs = 0;
    for (let i = from + 1; i < this.#times.length; i++) {
      longestMs = Math.max(longestMs, (this.#times[i] as number) - (this.#times[i - 1] as number));
    }
    return longestMs;
  }

  /** Resolves when the writes under way have ended. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#writing);
  }

  /** Reads every acknowledged write; the names of those that are not there as they were written. */
  async readBack(): Promise<readonly string[]> {
    const lost: string[] = [];
    const left = this.#acknowledged.entries();
    const reader = async (): Promise<void> => {
      for (const [name, value] of left) {
        const secret = await this.#kv.get<{ readonly value?: number }>(name);
        if (secret?.data?.value !== value) lost.push(name);
      }
    };
    await Promise.all(Array.from({ length: READERS }, reader));
    return lost;
  }

  async #write(writer: number): Promise<void> {
    for (let i = 0; !this.#stopped; i++) {
      const name = `tour/writer-${writer}/${i}`;
      try {
        await this.#kv.put(name, { value: i });
        this.#acknowledged.set(name, i);
        this.#times.push(nodeClock.monotonicMs());
      } catch {
        this.#failed += 1;
      }
      await pause(PAUSE_MS);
    }
  }
}
