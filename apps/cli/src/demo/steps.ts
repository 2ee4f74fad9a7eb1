/** One line a step: with a turning sign while it runs on a terminal, once it is done when piped. */
import { nodeClock, nodeTimers } from "@strongroom/runtime/node";
import type { Terminal } from "../terminal.ts";

const FRAMES = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];
const FRAME_MS = 80;
const ERASE_LINE = "\r\u001b[2K";
/** With sign and duration a line fits 80 columns, so that it can be erased. */
const TITLE_WIDTH = 68;

export class Steps {
  readonly #terminal: Terminal;

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
  }

  /** Runs `work` under `title`, a sentence in the present; `work` may return what to say when it is done instead. */
  async run<T>(title: string, work: () => Promise<T>, done?: (result: T) => string): Promise<T> {
    const startMs = nodeClock.monotonicMs();
    const stop = this.#spin(title);
    try {
      const result = await work();
      stop();
      this.#line("✓", done === undefined ? title : done(result), nodeClock.monotonicMs() - startMs);
      return result;
    } catch (error) {
      stop();
      this.#line("✗", title, nodeClock.monotonicMs() - startMs);
      throw error;
    }
  }

  #spin(title: string): () => void {
    if (!this.#terminal.interactive) return () => undefined;
    let frame = 0;
    const draw = (): void => {
      this.#terminal.out(`${ERASE_LINE}${FRAMES[frame % FRAMES.length]} ${title} …`);
      frame += 1;
    };
    draw();
    const cancel = nodeTimers.every(FRAME_MS, draw);
    return () => {
      cancel();
      this.#terminal.out(ERASE_LINE);
    };
  }

  #line(sign: string, text: string, durationMs: number): void {
    this.#terminal.out(`${sign} ${text.padEnd(TITLE_WIDTH)} ${formatDuration(durationMs).padStart(8)}\n`);
  }
}

/** `950 ms`, `1.25 s`. */
export function formatDuration(durationMs: number): string {
  return durationMs < 1000 ? `${Math.round(durationMs)} ms` : `${(durationMs / 1000).toFixed(2)} s`;
}
