/**
 * Slow hashes of passwords: argon2id (RFC 9106) for those that are set here, in the PHC string format; bcrypt for those that
 * come as hashes from elsewhere. All of it blocks for tens of milliseconds, so it runs on a thread of its own.
 */
import { argon2Sync, timingSafeEqual } from "node:crypto";
import type { Entropy } from "@strongroom/runtime";
import { compareSync } from "bcryptjs";

/** OWASP's first choice for argon2id: 19 MiB, two passes, one lane. */
const MEMORY_KIB = 19_456;
const PASSES = 2;
const LANES = 1;
const SALT_BYTES = 16;
const HASH_BYTES = 32;

const PHC = /^\$argon2id\$v=19\$m=(\d{1,7}),t=(\d{1,2}),p=(\d{1,2})\$([A-Za-z0-9+/]{11,86})\$([A-Za-z0-9+/]{16,86})$/;
const BCRYPT = /^\$2[aby]\$/;

export function hashPassword(password: Uint8Array, entropy: Entropy): string {
  const salt = entropy.bytes(SALT_BYTES);
  const hash = argon2(password, salt, { memory: MEMORY_KIB, passes: PASSES, lanes: LANES, bytes: HASH_BYTES });
  return `$argon2id$v=19$m=${MEMORY_KIB},t=${PASSES},p=${LANES}$${base64(salt)}$${base64(hash)}`;
}

/** Takes as long for a `hash` that is none as for one that `hashPassword` made. */
export function verifyPassword(password: Uint8Array, hash: string): boolean {
  if (BCRYPT.test(hash)) return compareSync(Buffer.from(password).toString("utf8"), hash);
  const [, memory, passes, lanes, salt = "", expected = ""] = PHC.exec(hash) ?? [];
  if (memory === undefined) {
    argon2(password, new Uint8Array(SALT_BYTES), {
      memory: MEMORY_KIB,
      passes: PASSES,
      lanes: LANES,
      bytes: HASH_BYTES,
    });
    return false;
  }
  const wanted = Buffer.from(expected, "base64");
  const parameters = { memory: Number(memory), passes: Number(passes), lanes: Number(lanes), bytes: wanted.length };
  return timingSafeEqual(argon2(password, Buffer.from(salt, "base64"), parameters), wanted);
}

function argon2(
  message: Uint8Array,
  nonce: Uint8Array,
  parameters: { readonly memory: number; readonly passes: number; readonly lanes: number; readonly bytes: number },
): Buffer {
  const { memory, passes, lanes, bytes } = parameters;
  return argon2Sync("argon2id", { message, nonce, memory, passes, parallelism: lanes, tagLength: bytes });
}

/** Without padding, as the PHC format has it. */
function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64").replaceAll("=", "");
}
