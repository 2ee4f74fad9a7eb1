import { toHex } from "@strongroom/runtime";

/** Sixteen bytes as people and certificates write them: a UUID's groups. */
export function uuidText(bytes: Uint8Array): string {
  const hex = toHex(bytes);
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}
