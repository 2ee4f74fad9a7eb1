/**
 * Which refusals are recorded in full, and which are only counted. A source, and all sources together, have so many full
 * records in each interval; what comes above that is counted by source and reason. Sources past a bound are one.
 */

const FULL_PER_SOURCE = 50;
const FULL_IN_ALL = 500;
const SOURCES_MAX = 1024;
const REASONS_MAX = 32;

/** The source of what came from too many sources. */
const OTHER_SOURCES = "other";

export interface CountedRefusals {
  readonly source: string;
  readonly counts: ReadonlyMap<string, number>;
}

export class RefusalMeter {
  readonly #full = new Map<string, number>();
  #fullInAll = 0;
  readonly #counted = new Map<string, Map<string, number>>();

  /** Whether this one is recorded in full. */
  admit(source: string, code: string): boolean {
    const full = this.#full.get(source) ?? 0;
    const known = this.#full.has(source) || this.#full.size < SOURCES_MAX;
    if (known && full < FULL_PER_SOURCE && this.#fullInAll < FULL_IN_ALL) {
      this.#full.set(source, full + 1);
      this.#fullInAll++;
      return true;
    }
    this.#count(source, code);
    return false;
  }

  /** What was counted since the last time; a new interval begins. */
  drain(): readonly CountedRefusals[] {
    const counted = [...this.#counted].map(([source, counts]) => ({ source, counts }));
    this.#full.clear();
    this.#fullInAll = 0;
    this.#counted.clear();
    return counted;
  }

  #count(source: string, code: string): void {
    const name = this.#counted.has(source) || this.#counted.size < SOURCES_MAX ? source : OTHER_SOURCES;
    let counts = this.#counted.get(name);
    if (counts === undefined) {
      counts = new Map();
      this.#counted.set(name, counts);
    }
    const reason = counts.has(code) || counts.size < REASONS_MAX ? code : OTHER_SOURCES;
    counts.set(reason, (counts.get(reason) ?? 0) + 1);
  }
}
