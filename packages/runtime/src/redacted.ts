/**
 * Bytes that no log, error, JSON or debugger line may show. Conversion to a string, `toJSON` and `util.inspect` all give
 * `[redacted]`; the bytes are had by asking for them.
 */
export class SecretBytes {
  #bytes: Uint8Array;

  /** Takes `bytes` over: the caller keeps no other view that it does not wipe. */
  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** The bytes themselves; empty once wiped. */
  expose(): Uint8Array {
    return this.#bytes;
  }

  wipe(): void {
    this.#bytes.fill(0);
    this.#bytes = new Uint8Array(0);
  }

  toString(): string {
    return "[redacted]";
  }

  toJSON(): string {
    return "[redacted]";
  }

  static {
    Object.defineProperty(SecretBytes.prototype, Symbol.for("nodejs.util.inspect.custom"), {
      value: () => "[redacted]",
    });
  }
}
