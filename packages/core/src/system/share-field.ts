/** A custodian's share in a request. */
import { type JsonNode, LogicalError } from "@strongroom/logical";
import { InvalidShareError, parseShare } from "@strongroom/seal";

/** Parsed from the body's bytes into bytes, and wiped in the body: a share never becomes a string. */
export function shareOf(node: JsonNode | undefined, orElse = ""): Uint8Array {
  if (node === undefined || (node.kind === "string" && node.end - node.start === 2)) {
    throw new LogicalError("invalid_request", `'key' must be specified in request body as JSON${orElse}`);
  }
  if (node.kind !== "string") throw new InvalidShareError("'key' must be a valid hex or base64 string");
  const text = node.bytes().subarray(1, -1);
  try {
    return parseShare(text);
  } finally {
    text.fill(0);
  }
}
