/** The canonical layout of a policy: what `strongroom policy fmt` writes. */
import { PolicyParseError } from "./errors.ts";
import { formatHcl } from "./hcl/format.ts";
import { HclError } from "./hcl/index.ts";
import { parsePolicy } from "./parse-policy.ts";

/** Changes blanks and line ends alone; what the policy says, and its comments, stay. Throws `PolicyParseError`. */
export function formatPolicy(text: string): string {
  parsePolicy("", text);
  try {
    return formatHcl(text);
  } catch (error) {
    if (error instanceof HclError) throw new PolicyParseError(error.problem, error.at);
    throw error;
  }
}
