/**
 * A number that no earlier start of any worker of this node has had. It is durable before it is used: an incarnation that
 * came twice would make the state machine take new commands for old ones.
 */
import { join } from "node:path";
import { StrongroomError } from "@strongroom/runtime";
import { readTextIfPresent, writeFileDurably } from "../membership/identity-files.ts";

export interface IncarnationSource {
  next(): Promise<number>;
}

/** The file that counts incarnations does not read. */
export class IncarnationFileError extends StrongroomError {
  readonly code = "bad_incarnation_file";
}

const FILE = "incarnation";

export class FileIncarnations implements IncarnationSource {
  readonly #directory: string;
  #last: number;

  private constructor(directory: string, last: number) {
    this.#directory = directory;
    this.#last = last;
  }

  static open(directory: string): FileIncarnations {
    const text = readTextIfPresent(directory, FILE)?.trim();
    const last = text === undefined ? 0 : Number(text);
    if (text !== undefined && (!/^[0-9]+$/.test(text) || !Number.isSafeInteger(last)))
      throw new IncarnationFileError(
        `${join(directory, FILE)} holds no number; restore it, or rebuild this node from its peers`,
      );
    return new FileIncarnations(directory, last);
  }

  async next(): Promise<number> {
    const incarnation = this.#last + 1;
    writeFileDurably(join(this.#directory, FILE), `${incarnation}\n`);
    this.#last = incarnation;
    return incarnation;
  }
}

/** For nodes without a disk: the count lasts as long as the object. */
export class MemoryIncarnations implements IncarnationSource {
  #last = 0;

  async next(): Promise<number> {
    return ++this.#last;
  }
}
