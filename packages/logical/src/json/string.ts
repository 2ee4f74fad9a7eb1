/** The text of a JSON string's token, quotes included, that the scanner has accepted. */
import { fromUtf8 } from "@strongroom/runtime";

/** Past this, the decoder's fixed cost is earned back. */
const SHORT = 32;

export function decodeString(bytes: Uint8Array, start: number, end: number, escaped: boolean): string {
  // The scanner has checked each escape, so the platform's decoder meets one valid token and nothing else.
  if (escaped) return JSON.parse(fromUtf8(bytes.subarray(start, end))) as string;
  if (end - start <= SHORT) {
    let text = "";
    for (let i = start + 1; i < end - 1; i++) {
      const c = bytes[i] as number;
      if (c >= 0x80) return fromUtf8(bytes.subarray(start + 1, end - 1));
      text += String.fromCharCode(c);
    }
    return text;
  }
  return fromUtf8(bytes.subarray(start + 1, end - 1));
}
