/** Reads a share as people hand it in, hexadecimal or base64 in ASCII, without a string on the way. */

const LONGEST = 1024;

/** The share in bytes of its own; `undefined` for what is neither, or too long to be a share. */
export function decodeShare(text: Uint8Array): Uint8Array | undefined {
  if (text.length === 0 || text.length > LONGEST) return undefined;
  return decodeHex(text) ?? decodeBase64(text);
}

function decodeHex(text: Uint8Array): Uint8Array | undefined {
  if (text.length % 2 !== 0) return undefined;
  const bytes = new Uint8Array(text.length / 2);
  for (const [i, code] of text.entries()) {
    const lower = code | 0x20;
    const digit = code >= 0x30 && code <= 0x39 ? code - 0x30 : lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
    if (digit < 0) {
      bytes.fill(0);
      return undefined;
    }
    bytes[i >>> 1] = ((bytes[i >>> 1] as number) << 4) | digit;
  }
  return bytes;
}

/** RFC 4648 §4, strictly: padded, and no bits left over. */
function decodeBase64(text: Uint8Array): Uint8Array | undefined {
  const pads = text.at(-1) !== 0x3d ? 0 : text.at(-2) === 0x3d ? 2 : 1;
  const digits = text.length - pads;
  if (text.length % 4 !== 0) return undefined;
  const bytes = new Uint8Array((text.length / 4) * 3 - pads);
  let bits = 0;
  let held = 0;
  let at = 0;
  for (let i = 0; i < digits; i++) {
    const value = base64Value(text[i] as number);
    if (value < 0) {
      bytes.fill(0);
      return undefined;
    }
    bits = (bits << 6) | value;
    held += 6;
    if (held < 8) continue;
    held -= 8;
    bytes[at++] = bits >>> held;
    bits &= (1 << held) - 1;
  }
  if (bits === 0) return bytes;
  bytes.fill(0);
  return undefined;
}

function base64Value(code: number): number {
  if (code >= 0x41 && code <= 0x5a) return code - 0x41;
  if (code >= 0x61 && code <= 0x7a) return code - 0x61 + 26;
  if (code >= 0x30 && code <= 0x39) return code - 0x30 + 52;
  return code === 0x2b ? 62 : code === 0x2f ? 63 : -1;
}
