/** The three streams, and the one thing that needs a terminal: a prompt that does not show what is typed. */
import { createInterface } from "node:readline";
import { StringDecoder } from "node:string_decoder";
import type { ReadStream } from "node:tty";
import { LocalError } from "./command.ts";

export interface Terminal {
  out(text: string): void;
  error(text: string): void;
  /** True when a person reads standard output. */
  readonly interactive: boolean;
  /** All of standard input, up to 32 MiB. */
  readInput(): Promise<Buffer>;
  /** Asks on standard error and reads one line without showing it; from a pipe it reads the first line. */
  promptHidden(question: string): Promise<string>;
}

const INPUT_BYTES_MAX = 32 * 1024 * 1024;
const CONTROL_C = "\u0003";
const BACKSPACES = new Set(["\u007f", "\b"]);

export function processTerminal(): Terminal {
  return {
    out: (text) => void process.stdout.write(text),
    error: (text) => void process.stderr.write(text),
    interactive: process.stdout.isTTY === true,
    async readInput() {
      const chunks: Buffer[] = [];
      let length = 0;
      for await (const chunk of process.stdin as AsyncIterable<Buffer>) {
        length += chunk.length;
        if (length > INPUT_BYTES_MAX) throw new LocalError("Standard input is larger than 32 MiB.");
        chunks.push(chunk);
      }
      return Buffer.concat(chunks);
    },
    promptHidden: (question) => (process.stdin.isTTY ? promptOn(process.stdin, question) : firstLine()),
  };
}

/** `terminal`, but nobody is there to be asked: -non-interactive. */
export function withoutPrompts(terminal: Terminal): Terminal {
  return {
    ...terminal,
    promptHidden: async (question) => {
      throw new LocalError(
        `-non-interactive was given, and this would be asked for: ${question.trim().replace(/:$/, "")}`,
      );
    },
  };
}

async function firstLine(): Promise<string> {
  const lines = createInterface({ input: process.stdin });
  for await (const line of lines) {
    lines.close();
    return line;
  }
  return "";
}

/** One line from a terminal, up to Enter; what is typed is not echoed. Throws `LocalError` on Ctrl-C. */
export function promptOn(
  input: Pick<ReadStream, "setRawMode" | "resume" | "pause" | "on" | "off">,
  question: string,
): Promise<string> {
  process.stderr.write(question);
  const decoder = new StringDecoder("utf8");
  let typed = "";
  input.setRawMode(true);
  input.resume();
  return new Promise((resolve, reject) => {
    const finish = (settle: () => void) => {
      input.off("data", onData);
      input.setRawMode(false);
      input.pause();
      process.stderr.write("\n");
      settle();
    };
    const onData = (chunk: Buffer) => {
      for (const character of decoder.write(chunk)) {
        if (character === "\r" || character === "\n") return finish(() => resolve(typed));
        if (character === CONTROL_C) return finish(() => reject(new LocalError("Interrupted.")));
        typed = BACKSPACES.has(character) ? typed.slice(0, -1) : typed + character;
      }
    };
    input.on("data", onData);
  });
}
