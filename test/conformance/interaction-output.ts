/** What a transcript's directive prints: its own lines, indented where they belong to a step, and the nodes' log lines. */

import type { RaftLogger } from "@strongroom/raft";

const LEVELS = ["DEBUG", "INFO", "WARN", "ERROR", "FATAL", "NONE"] as const;

/** At level NONE nothing is printed at all. */
export class InteractionOutput implements RaftLogger {
  #text = "";
  #level = 0;

  get level(): string {
    return LEVELS[this.#level] as string;
  }

  setLevel(name: string): void {
    const level = LEVELS.findIndex((one) => one.toLowerCase() === name.toLowerCase());
    if (level < 0) throw new Error(`log levels must be one of ${LEVELS.join(", ")}`);
    this.#level = level;
  }

  get quiet(): boolean {
    return this.#level === LEVELS.length - 1;
  }

  write(text: string): void {
    if (!this.quiet) this.#text += text;
  }

  /** All written since the last call. */
  take(): string {
    const text = this.#text;
    this.#text = "";
    return text;
  }

  /** What `run` writes is indented by two spaces, and its last line ended. */
  indented(run: () => void): void {
    const outer = this.take();
    run();
    const inner = this.take();
    const lines = inner.endsWith("\n") ? inner.slice(0, -1) : inner;
    this.#text =
      outer +
      (inner === ""
        ? ""
        : lines
            .split("\n")
            .map((line) => `  ${line}\n`)
            .join(""));
  }

  debug(message: string): void {
    this.#log(0, message);
  }

  info(message: string): void {
    this.#log(1, message);
  }

  warn(message: string): void {
    this.#log(2, message);
  }

  error(message: string): void {
    this.#log(3, message);
  }

  #log(level: number, message: string): void {
    if (this.#level <= level) this.write(`${LEVELS[level]} ${message}\n`);
  }
}
