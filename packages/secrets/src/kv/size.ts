/** How large one secret's JSON may be. */
import { LogicalError } from "@strongroom/logical";
import { LIMITS } from "@strongroom/storage";

/** The rest of a row is for its header, its name and the seals. */
const MAX_BYTES = LIMITS.rowBytes - 16 * 1024;

/** Throws `LogicalError` value_too_large. */
export function checkSize(json: Uint8Array): void {
  if (json.length <= MAX_BYTES) return;
  throw new LogicalError(
    "value_too_large",
    `the secret has ${json.length} bytes of JSON, and a version may have at most ${MAX_BYTES}`,
  );
}
