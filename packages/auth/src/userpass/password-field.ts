/** A password in a request: bytes as soon as it is read, wiped when it was hashed. */
import { type JsonNode, LogicalError, type PasswordHasher } from "@strongroom/logical";
import { utf8 } from "@strongroom/runtime";

const MAX_BYTES = 1024;
/** As OpenBSD's bcrypt writes them, from which Vault's are. */
const BCRYPT = /^\$2[aby]\$(?:0[4-9]|1[0-6])\$[./A-Za-z0-9]{53}$/;

export const PASSWORD_FIELD = { type: "json", description: "The password, as a string." } as const;
export const PASSWORD_HASH_FIELD = {
  type: "string",
  description: "In the place of a password: its bcrypt hash, as another system has it.",
} as const;

/** Throws `LogicalError`. The caller wipes it. */
export function passwordOf(node: JsonNode | undefined): Uint8Array {
  const text = node?.asString();
  // A number would be taken for one by the audit as well, and stand there in clear.
  if (node !== undefined && text === undefined) throw new LogicalError("invalid_field", "a password is a JSON string");
  if (text === undefined || text === "") throw new LogicalError("invalid_request", "missing password");
  const bytes = utf8(text);
  if (bytes.length > MAX_BYTES) {
    bytes.fill(0);
    throw new LogicalError("invalid_field", `a password has at most ${MAX_BYTES} bytes`);
  }
  return bytes;
}

/** The hash to store, of whichever of the two is given; `undefined` for neither. Throws `LogicalError`. */
export async function givenHash(
  kdf: PasswordHasher,
  password: JsonNode | undefined,
  hash: string | undefined,
): Promise<string | undefined> {
  if (hash !== undefined && password !== undefined) {
    throw new LogicalError("invalid_request", "give password or password_hash, not both");
  }
  if (hash !== undefined) {
    if (!BCRYPT.test(hash))
      throw new LogicalError("invalid_field", "password_hash must be a bcrypt hash of cost 4 to 16");
    return hash;
  }
  if (password === undefined) return undefined;
  const bytes = passwordOf(password);
  try {
    return await kdf.hash(bytes);
  } finally {
    bytes.fill(0);
  }
}
