/**
 * The name of a secret, and where its rows lie: `metadata/<key>`, and a row a version at `versions/<key>/<n>`, so that reading
 * one version opens no other. The number is the last segment and names no secret, so keys and versions cannot meet.
 */
import { type Fields, LogicalError } from "@strongroom/logical";
import { utf8 } from "@strongroom/runtime";

/** A row's path may have 4 KiB and 64 segments; these leave room for what stands around the key. */
const MAX_KEY_BYTES = 4064;
const MAX_KEY_SEGMENTS = 62;

/** The `path` that a secret's endpoint captured. Throws `LogicalError` for one that cannot name a secret. */
export function secretKey(
  fields: Fields<{ readonly path: { readonly type: "string"; readonly description: string } }>,
): string {
  const key = fields.get("path") ?? "";
  if (key === "") throw new LogicalError("invalid_request", "missing path");
  if (key.endsWith("/")) throw new LogicalError("invalid_path", "a secret's path cannot end in '/'");
  // A UTF-16 unit takes at most three bytes.
  if (key.length * 3 > MAX_KEY_BYTES && utf8(key).length > MAX_KEY_BYTES) {
    throw new LogicalError("invalid_path", `a secret's path may have at most ${MAX_KEY_BYTES} bytes`);
  }
  if (key.split("/", MAX_KEY_SEGMENTS + 1).length > MAX_KEY_SEGMENTS) {
    throw new LogicalError("invalid_path", `a secret's path may have at most ${MAX_KEY_SEGMENTS} segments`);
  }
  return key;
}

/** The field that every endpoint of a secret captures. */
export const PATH_FIELD: { readonly type: "string"; readonly description: string } = {
  type: "string",
  description: "The secret's path.",
};
