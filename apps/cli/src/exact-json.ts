/**
 * JSON that keeps its numbers: one that a double cannot give back (`9007199254740993`, `1.10`) stays as its source text,
 * so that what is printed is what was stored. Uses ECMAScript's JSON source text access.
 */

interface RawJson {
  readonly rawJSON: string;
}

interface JsonWithSource {
  parse(
    text: string,
    reviver: (key: string, value: unknown, context: { readonly source?: string }) => unknown,
  ): unknown;
  rawJSON(text: string): RawJson;
  isRawJSON(value: unknown): value is RawJson;
}

const json = JSON as unknown as JsonWithSource;

/** Throws a `SyntaxError` when `text` is not JSON. */
export function parseExactly(text: string): unknown {
  return json.parse(text, (_key, value, { source }) =>
    typeof value === "number" && source !== undefined && String(value) !== source ? json.rawJSON(source) : value,
  );
}

/** The source text of a number that was kept, else `undefined`. */
export function exactSource(value: unknown): string | undefined {
  return json.isRawJSON(value) ? value.rawJSON : undefined;
}
