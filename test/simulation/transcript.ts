/** What happened in a run, line by line, for a reader who wants to know how it came to its end. */

export class Transcript {
  readonly lines: string[] = [];
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  note(line: string): void {
    this.lines.push(`${this.#now().toFixed(2).padStart(10)}  ${line}`);
  }
}
