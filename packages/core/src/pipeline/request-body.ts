/** A request's body as an object: parsed when first needed, which is after the token was found good, and once. */
import { type JsonLimits, type JsonObject, LogicalError, parseJson } from "@strongroom/logical";

/** RFC 8259 §2. */
const BLANKS: ReadonlySet<number> = new Set([0x09, 0x0a, 0x0d, 0x20]);

export class RequestBody {
  readonly #bytes: Uint8Array | undefined;
  #parsed: { readonly object: JsonObject | undefined } | undefined;

  constructor(bytes: Uint8Array | undefined) {
    this.#bytes = bytes;
  }

  /** Undefined for an empty one, and for `null`; `limits` hold at the first call. Throws `LogicalError` and `JsonError`. */
  object(limits: JsonLimits): JsonObject | undefined {
    this.#parsed ??= { object: this.#parse(limits) };
    return this.#parsed.object;
  }

  #parse(limits: JsonLimits): JsonObject | undefined {
    if (this.#bytes === undefined || this.#bytes.every((byte) => BLANKS.has(byte))) return undefined;
    const document = parseJson(this.#bytes, limits);
    // What clients in Go send for no data: `vault write -f`, `vault unwrap`.
    if (document.root.isNull()) return undefined;
    const object = document.object();
    if (object === undefined) throw new LogicalError("invalid_request", "the request's body must be a JSON object");
    return object;
  }
}
