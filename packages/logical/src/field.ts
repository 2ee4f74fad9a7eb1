/**
 * Declared fields: what a path takes from its own captures, its body or its query. Validation, help and OpenAPI come from
 * these declarations. A field is coerced once, strictly: Vault's types, but no "" that becomes 0 and no 0x10.
 */
import type { JsonNode } from "./json/document.ts";

/** Each field type, and what a handler gets for it. */
export interface FieldTypes {
  readonly string: string;
  /** A safe integer: a JSON integer or its decimal string. */
  readonly int: number;
  /** true, false, 0, 1, or one of these in a string. */
  readonly bool: boolean;
  /** Whole seconds, zero or more: a number of seconds, or a Go duration with `d` for days ("1h30m", "50d"). */
  readonly duration: number;
  /** As `duration`, and may be negative. */
  readonly "signed-duration": number;
  /** "a,b" or ["a","b"]; blanks around commas are dropped. */
  readonly "comma-string-slice": readonly string[];
  /** "1,2", [1,2] or ["1"]. */
  readonly "comma-int-slice": readonly number[];
  /** {"k":"v"}, ["k=v"] or "k=v,k2=v2". */
  readonly "kv-pairs": ReadonlyMap<string, string>;
  /** A JSON object, not copied. */
  readonly object: JsonNode;
  /** Any JSON, not copied. From a query: not available. */
  readonly json: JsonNode;
}

export type FieldType = keyof FieldTypes;

export interface FieldSchema {
  readonly type: FieldType;
  readonly description: string;
  /** For `get` when the field is not given. */
  readonly default?: string | number | boolean;
}

export type FieldSchemas = Readonly<Record<string, FieldSchema>>;

/** What `Fields.get` gives for a schema: never `undefined` when it has a default. */
export type FieldValue<S extends FieldSchema> = S extends { readonly default: string | number | boolean }
  ? FieldTypes[S["type"]]
  : FieldTypes[S["type"]] | undefined;

/** The fields of one request, coerced. A JSON `null` counts as not given, except to `isNull`. */
export class Fields<S extends FieldSchemas = FieldSchemas> {
  readonly #schemas: S;
  readonly #values: ReadonlyMap<string, FieldTypes[FieldType]>;
  readonly #nulls: ReadonlySet<string>;

  constructor(schemas: S, values: ReadonlyMap<string, FieldTypes[FieldType]>, nulls: ReadonlySet<string>) {
    this.#schemas = schemas;
    this.#values = values;
    this.#nulls = nulls;
  }

  /** The value given, else the schema's default, else `undefined`. */
  get<K extends keyof S & string>(name: K): FieldValue<S[K]> {
    return (this.#values.get(name) ?? this.#schemas[name]?.default) as FieldValue<S[K]>;
  }

  has(name: keyof S & string): boolean {
    return this.#values.has(name);
  }

  /** The body gives `null`: in a merge patch, the wish to remove. */
  isNull(name: keyof S & string): boolean {
    return this.#nulls.has(name);
  }
}
