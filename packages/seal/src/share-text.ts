/**
 * Shares as people type them, hexadecimal or base64, from and to bytes: never a string, which cannot be wiped, and without
 * a table, whose look-ups show in the cache. Vault's commands print base64 and take both.
 */
import { InvalidShareError } from "./errors.ts";

const PAD = 0x3d;

/**
 * The share written in `text` (ASCII; blanks around it are ignored). `text` stays the caller's to wipe, as is the result.
 * Throws `InvalidShareError`.
 */
export function parseShare(text: Uint8Array): Uint8Array {
  const trimmed = trim(text);
  if (trimmed.length === 0) throw new InvalidShareError("the share is empty");
  const share = parseHex(trimmed) ?? parseBase64(trimmed);
  if (share === undefined) throw new InvalidShareError("the share is neither hexadecimal nor base64");
  return share;
}

/** Standard base64 with padding (RFC 4648 §4), as ASCII bytes. */
export function formatShare(share: Uint8Array): Uint8Array {
  const text = new Uint8Array(Math.ceil(share.length / 3) * 4).fill(PAD);
  for (let bit = 0, at = 0; bit < share.length * 8; bit += 6, at++) {
    const high = share[bit >> 3] as number;
    const low = share[(bit >> 3) + 1] ?? 0;
    text[at] = base64Character((((high << 8) | low) >> (10 - (bit & 7))) & 63);
  }
  return text;
}

function parseHex(text: Uint8Array): Uint8Array | undefined {
  if (text.length % 2 !== 0) return undefined;
  const bytes = new Uint8Array(text.length / 2);
  let invalid = 0;
  for (let i = 0; i < bytes.length; i++) {
    const high = hexValue(text[2 * i] as number);
    const low = hexValue(text[2 * i + 1] as number);
    invalid |= high | low;
    bytes[i] = (high << 4) | low;
  }
  return invalid < 0 ? undefined : bytes;
}

function parseBase64(text: Uint8Array): Uint8Array | undefined {
  if (text.length % 4 !== 0) return undefined;
  const padding = text.at(-1) !== PAD ? 0 : text.at(-2) !== PAD ? 1 : 2;
  const characters = text.length - padding;
  const bytes = new Uint8Array((text.length / 4) * 3 - padding);
  let invalid = 0;
  let bits = 0;
  let count = 0;
  let at = 0;
  for (let i = 0; i < characters; i++) {
    const value = base64Value(text[i] as number);
    invalid |= value;
    bits = ((bits << 6) | (value & 63)) & 0xffff;
    count += 6;
    if (count < 8) continue;
    count -= 8;
    bytes[at++] = bits >> count;
  }
  // Bits past the last byte must be zero, so that each share has one spelling.
  return invalid < 0 || (bits & ((1 << count) - 1)) !== 0 ? undefined : bytes;
}

/** 0 to 15, or -1. `within` is -1 for a character of the range and 0 for others. */
function hexValue(c: number): number {
  const digit = within(c, 0x30, 0x39) & (c - 0x30 + 1);
  const lower = within(c, 0x61, 0x66) & (c - 0x61 + 11);
  const upper = within(c, 0x41, 0x46) & (c - 0x41 + 11);
  return (digit | lower | upper) - 1;
}

/** 0 to 63, or -1. */
function base64Value(c: number): number {
  const upper = within(c, 0x41, 0x5a) & (c - 0x41 + 1);
  const lower = within(c, 0x61, 0x7a) & (c - 0x61 + 27);
  const digit = within(c, 0x30, 0x39) & (c - 0x30 + 53);
  const plus = within(c, 0x2b, 0x2b) & 63;
  const slash = within(c, 0x2f, 0x2f) & 64;
  return (upper | lower | digit | plus | slash) - 1;
}

function base64Character(value: number): number {
  return (
    (within(value, 0, 25) & (value + 0x41)) |
    (within(value, 26, 51) & (value - 26 + 0x61)) |
    (within(value, 52, 61) & (value - 52 + 0x30)) |
    (within(value, 62, 62) & 0x2b) |
    (within(value, 63, 63) & 0x2f)
  );
}

/** All ones when `low <= c <= high`, else 0, without a branch. */
function within(c: number, low: number, high: number): number {
  return ~((c - low) >> 31) & ~((high - c) >> 31);
}

function trim(text: Uint8Array): Uint8Array {
  const blank = (c: number | undefined): boolean => c === 0x20 || c === 0x09 || c === 0x0a || c === 0x0d;
  let start = 0;
  let end = text.length;
  while (start < end && blank(text[start])) start++;
  while (end > start && blank(text[end - 1])) end--;
  return text.subarray(start, end);
}
