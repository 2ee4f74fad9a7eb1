/** Secrets on their way into a reply: JSON strings made of bytes, never of strings, which nobody could wipe. */
import { RawJson } from "@strongroom/logical";
import { formatShare } from "@strongroom/seal";

const QUOTE = 0x22;
const HEX = new TextEncoder().encode("0123456789abcdef");

export function hexJson(bytes: Uint8Array): RawJson {
  const text = new Uint8Array(2 * bytes.length);
  for (const [i, byte] of bytes.entries()) {
    text[2 * i] = HEX[byte >>> 4] as number;
    text[2 * i + 1] = HEX[byte & 15] as number;
  }
  return quoted(text);
}

/** RFC 4648 §4, padded. */
export function base64Json(bytes: Uint8Array): RawJson {
  return quoted(formatShare(bytes));
}

/** `text` is ASCII that JSON need not escape, such as a token. */
export function textJson(text: Uint8Array): RawJson {
  return quoted(text.slice());
}

function quoted(text: Uint8Array): RawJson {
  const bytes = new Uint8Array(text.length + 2);
  bytes[0] = QUOTE;
  bytes.set(text, 1);
  bytes[bytes.length - 1] = QUOTE;
  text.fill(0);
  return new RawJson(bytes);
}
