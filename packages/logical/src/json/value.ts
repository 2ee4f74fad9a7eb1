/** What a reply is made of. */

/** A JSON text that goes into a reply as it is: a stored value whose bytes must not change. The bytes are not copied. */
export class RawJson {
  readonly bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }
}

/** Use a `Map` where the keys are a client's: it keeps their order and knows no prototype. Numbers are finite. */
export type JsonValue =
  | null
  | boolean
  | number
  | string
  | RawJson
  | readonly JsonValue[]
  | ReadonlyMap<string, JsonValue>
  | { readonly [key: string]: JsonValue };
