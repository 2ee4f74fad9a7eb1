/** A law that was broken. Whatever else a simulation throws came out of the product, and counts as much. */

class Violation extends Error {
  override readonly name = "Violation";
  /** Which law, the same for all that break it. */
  readonly law: string;

  constructor(law: string, what: string) {
    super(`${law}: ${what}`);
    this.law = law;
  }
}

export function violated(law: string, what: string): never {
  throw new Violation(law, what);
}

/** What two failures have in common when they are the same one. */
export function lawOf(error: unknown): string {
  if (error instanceof Violation) return error.law;
  return error instanceof Error ? `${error.name} ${error.message.replaceAll(/[0-9]+/g, "n")}` : String(error);
}
