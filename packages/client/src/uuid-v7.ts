/** UUIDs that begin with the time (RFC 9562 §5.7): a server can tell a request id's age without a table. */
import { type Entropy, toHex } from "@strongroom/runtime";

const UUID_V7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

/** `wallMs` in the first 48 bits, 74 random bits after it. */
export function uuidV7(wallMs: number, entropy: Entropy): string {
  const bytes = entropy.bytes(16);
  let rest = Math.floor(wallMs);
  for (let i = 5; i >= 0; i--) {
    bytes[i] = rest % 256;
    rest = Math.floor(rest / 256);
  }
  bytes[6] = 0x70 | ((bytes[6] as number) & 0x0f);
  bytes[8] = 0x80 | ((bytes[8] as number) & 0x3f);
  const hex = toHex(bytes);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

/** Whether `text` is one, in lower case. */
export function isUuidV7(text: string): boolean {
  return UUID_V7.test(text);
}
