/** A request's body as an object: parsed when first needed, which is after the token was found good, and once. */
import { type JsonLimits, type JsonObject, LogicalError, parseJson } from "@strongroom/logical";

export class RequestBody {
  readonly #bytes: Uint8Array | undefined;
  #parsed: { readonly object: JsonObject | undefined } | undefined;

  constructor(bytes: Uint8Array | undefined) {
    this.#bytes = bytes;
  }

  /** Undefined for an empty one; `limits` hold at the first call. Throws `LogicalError` and `JsonError`. */
  object(limits: JsonLimits): JsonObject | undefined {
    this.#parsed ??= { object: this.#parse(limits) };
    return this.#parsed.object;
  }

  #parse(limits: JsonLimits): JsonObject | undefined {
    if (this.#bytes === undefined || this.#bytes.length === 0) return undefined;
    const object = parseJson(this.#bytes, limits).object();
    if (object === undefined) throw new LogicalError("invalid_request", "the request's body must be a JSON object");
    return object;
  }
}
