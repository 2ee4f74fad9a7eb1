/**
 * Where each value of a document lies. Four numbers an entry, in the order of the text: kind, start, end (exclusive), and
 * `next`, the entry after the whole subtree; for a key, `next` is its place in `keys` instead. A member is a key's entry and
 * its value's subtree right behind. So a document costs a few words a value, whatever it holds.
 */
export const KIND_NULL = 0;
export const KIND_FALSE = 1;
export const KIND_TRUE = 2;
export const KIND_NUMBER = 3;
export const KIND_STRING = 4;
/** A string with a backslash: its text is not its bytes. */
export const KIND_ESCAPED_STRING = 5;
export const KIND_ARRAY = 6;
export const KIND_OBJECT = 7;
export const KIND_KEY = 8;

const STRIDE = 4;

export class Tape {
  /** A plain array of small integers: for the usual small body cheaper to make than a typed one. */
  readonly #cells: number[] = [];
  /** The decoded keys, in the order of the text. */
  readonly keys: string[] = [];

  get length(): number {
    return this.#cells.length / STRIDE;
  }

  push(kind: number, start: number): number {
    const entry = this.length;
    this.#cells.push(kind, start, 0, 0);
    return entry;
  }

  /** Ends the value begun as `entry`: all pushed since belongs to it. */
  close(entry: number, end: number): void {
    this.#cells[entry * STRIDE + 2] = end;
    this.#cells[entry * STRIDE + 3] = this.length;
  }

  setKind(entry: number, kind: number): void {
    this.#cells[entry * STRIDE] = kind;
  }

  closeKey(entry: number, end: number, text: string): void {
    this.#cells[entry * STRIDE + 2] = end;
    this.#cells[entry * STRIDE + 3] = this.keys.push(text) - 1;
  }

  kind(entry: number): number {
    return this.#cells[entry * STRIDE] as number;
  }

  start(entry: number): number {
    return this.#cells[entry * STRIDE + 1] as number;
  }

  end(entry: number): number {
    return this.#cells[entry * STRIDE + 2] as number;
  }

  next(entry: number): number {
    return this.#cells[entry * STRIDE + 3] as number;
  }

  /** The decoded text of a key's entry. */
  keyText(entry: number): string {
    return this.keys[this.next(entry)] as string;
  }
}
