/** Random identifiers of letters and digits, as Vault's tokens and accessors have them. */
import type { Entropy } from "@strongroom/runtime";

const ALPHABET = new TextEncoder().encode("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz");
/** The greatest multiple of 62 in a byte: what lies above would make some characters likelier than others. */
const UNBIASED = 248;

/** `length` characters in ASCII, each equally likely; the caller owns the bytes and may wipe them. */
export function randomBase62(entropy: Entropy, length: number): Uint8Array {
  const text = new Uint8Array(length);
  let filled = 0;
  while (filled < length) {
    const bytes = entropy.bytes(length);
    for (const byte of bytes) {
      if (byte >= UNBIASED || filled === length) continue;
      text[filled++] = ALPHABET[byte % ALPHABET.length] as number;
    }
    bytes.fill(0);
  }
  return text;
}

/** A UUIDv4 (RFC 9562 §5.4) in its text form. */
export function randomUuid(entropy: Entropy): string {
  const bytes = entropy.bytes(16);
  bytes[6] = ((bytes[6] as number) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] as number) & 0x3f) | 0x80;
  const hex = Buffer.from(bytes.buffer, bytes.byteOffset, 16).toString("hex");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
