/**
 * Names of policies: letters of either case are one name, made of printable ASCII alone. A name is brought into its one form
 * before anything is compared with it, so that `ROOT` or ` root` is never a second, unprotected root.
 */
import { LogicalError } from "@strongroom/logical";
import { asciiLowerCase } from "./ascii.ts";

const MAX_LENGTH = 256;
const NAME = /^[a-z0-9_][a-z0-9_.@:~+=-]*(?:\/[a-z0-9_][a-z0-9_.@:~+=-]*)*$/;

/** The one form of `raw`, in lower case, or nothing if no policy can be called so. */
export function policyNameOf(raw: string): string | undefined {
  const name = asciiLowerCase(raw);
  return name.length <= MAX_LENGTH && NAME.test(name) ? name : undefined;
}

/** As `policyNameOf`. Throws `LogicalError` invalid_path. */
export function requirePolicyName(raw: string): string {
  const name = policyNameOf(raw);
  if (name !== undefined) return name;
  throw new LogicalError(
    "invalid_path",
    `a policy's name is made of letters, digits and _ . @ : ~ + = -, begins with a letter, digit or _, and has at most ${MAX_LENGTH} characters`,
  );
}
