/** Names of policies as tokens hold them: in lower case, without blanks around them, each once, in order. */
import { LogicalError } from "@strongroom/logical";
import { asciiLowerCase } from "../policy/ascii.ts";
import { ROOT_POLICY } from "../policy/index.ts";

export const DEFAULT_POLICY = "default";
export const WRAPPING_POLICY = "response-wrapping";

/**
 * Clean before anything is decided by a name: "ROOT" and " root" are root. `root` makes all others superfluous. Throws
 * `LogicalError` for what only wrapping itself gives.
 */
export function cleanPolicies(names: readonly string[], addDefault: boolean): readonly string[] {
  const clean = new Set<string>();
  for (const name of names) {
    const lower = asciiLowerCase(name.trim());
    if (lower !== "") clean.add(lower);
  }
  if (clean.has(ROOT_POLICY)) return [ROOT_POLICY];
  if (clean.has(WRAPPING_POLICY)) {
    throw new LogicalError("invalid_request", `cannot assign policy "${WRAPPING_POLICY}"`);
  }
  if (addDefault) clean.add(DEFAULT_POLICY);
  return [...clean].sort();
}
