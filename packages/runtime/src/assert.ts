/** What only a bug can cause. Nobody catches it: the process ends, because a stopped replica is safe and a wrong one is not. */
export class AssertionError extends Error {
  override readonly name = "AssertionError";
}

export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new AssertionError(message);
}

/** For the default branch of an exhaustive `switch`. */
export function unreachable(value: never): never {
  throw new AssertionError(`unreachable: ${String(value)}`);
}

/** `value`, which the caller knows to be there; the sentence says why. */
export function present<T>(value: T | undefined | null, why: string): T {
  if (value === undefined || value === null) throw new AssertionError(why);
  return value;
}
