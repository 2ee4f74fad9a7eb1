/** The declared fields of an object inside a body, coerced as a body's own are: such as the `config` of a mount. */
import { coerceField } from "./coerce.ts";
import { type FieldSchemas, Fields, type FieldType, type FieldTypes } from "./field.ts";
import type { JsonNode } from "./json/document.ts";

/** `unknown` are the names of members that are not declared. Throws `LogicalError` invalid_field. */
export function objectFields<const S extends FieldSchemas>(
  schemas: S,
  object: JsonNode | undefined,
): { readonly fields: Fields<S>; readonly unknown: readonly string[] } {
  const values = new Map<string, FieldTypes[FieldType]>();
  const nulls = new Set<string>();
  const unknown: string[] = [];
  for (const { key, value } of object?.members() ?? []) {
    const schema = Object.hasOwn(schemas, key) ? schemas[key] : undefined;
    if (schema === undefined) unknown.push(key);
    else if (value.isNull()) nulls.add(key);
    else values.set(key, coerceField(schema.type, key, value));
  }
  return { fields: new Fields(schemas, values, nulls), unknown };
}
