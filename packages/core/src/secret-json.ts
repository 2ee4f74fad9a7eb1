/** Secrets on their way into a reply: JSON strings made of bytes, never of strings, which nobody could wipe. */
import { RawJson } from "@strongroom/logical";

const QUOTE = 0x22;
const HEX = new TextEncoder().encode("0123456789abcdef");
const BASE64 = new TextEncoder().encode("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/");
const PAD = 0x3d;

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
  const text = new Uint8Array(4 * Math.ceil(bytes.length / 3)).fill(PAD);
  for (let i = 0, at = 0; i < bytes.length; i += 3, at += 4) {
    const left = bytes.length - i;
    const group = ((bytes[i] as number) << 16) | ((bytes[i + 1] ?? 0) << 8) | (bytes[i + 2] ?? 0);
    text[at] = BASE64[group >>> 18] as number;
    text[at + 1] = BASE64[(group >>> 12) & 63] as number;
    if (left > 1) text[at + 2] = BASE64[(group >>> 6) & 63] as number;
    if (left > 2) text[at + 3] = BASE64[group & 63] as number;
  }
  return quoted(text);
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
