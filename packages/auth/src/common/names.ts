/** Names of users and roles: lower case, and nothing that looks like another name. */
import { LogicalError } from "@strongroom/logical";

const NAME = /^[a-z0-9_](?:[a-z0-9_.@+-]*[a-z0-9_])?$/;
const MAX_LENGTH = 256;

/** By which everything about the name is found: its row, its failures, its tokens. Throws `LogicalError`. */
export function nameOf(given: string | undefined, what: string): string {
  const name = (given ?? "").toLowerCase();
  if (name.length > MAX_LENGTH || !NAME.test(name)) {
    throw new LogicalError(
      "invalid_field",
      `a ${what} consists of letters, digits and _ . @ + -, begins with a letter, a digit or _ and ends with one`,
    );
  }
  return name;
}
