/** Ids of tokens in Vault's form: `hvs.` for those that are stored, `hvb.` for those that carry all that they are. */
import { type Entropy, fromUtf8, utf8 } from "@strongroom/runtime";
import { randomBase62 } from "../base62.ts";

const RANDOM_CHARACTERS = 24;
const SERVICE_PREFIX = utf8("hvs.");
export const BATCH_PREFIX = "hvb.";

/** 24 characters of base 62: 142 bits. The caller owns the bytes and may wipe them. */
export function randomServiceId(entropy: Entropy): Uint8Array {
  const id = new Uint8Array(SERVICE_PREFIX.length + RANDOM_CHARACTERS);
  id.set(SERVICE_PREFIX);
  const random = randomBase62(entropy, RANDOM_CHARACTERS);
  id.set(random, SERVICE_PREFIX.length);
  random.fill(0);
  return id;
}

export function randomAccessor(entropy: Entropy): string {
  return fromUtf8(randomBase62(entropy, RANDOM_CHARACTERS));
}

export function isBatchId(id: Uint8Array): boolean {
  for (let i = 0; i < BATCH_PREFIX.length; i++) if (id[i] !== BATCH_PREFIX.charCodeAt(i)) return false;
  return true;
}
