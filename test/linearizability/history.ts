/**
 * What clients did and were told, as intervals of one clock. An operation without an answer (time-out, broken connection)
 * has an unknown outcome: it may take effect at any time after its call, or never.
 */

export interface Operation<Input, Output> {
  /** Whoever ran it, one at a time; for people. */
  readonly client: string;
  readonly input: Input;
  /** Undefined: nobody knows. */
  readonly output: Output | undefined;
  readonly callAt: number;
  /** Not before `callAt`; `Infinity` of an unknown outcome. */
  readonly returnAt: number;
}

/** What one object does, alone. `State` is immutable. */
export interface Model<State, Input, Output> {
  readonly initial: State;
  /** The state after the operation; undefined if it cannot have that output here. An unknown output is always possible. */
  step(state: State, input: Input, output: Output | undefined): State | undefined;
  /** Equal for equal states only. */
  keyOf(state: State): string;
  describe(input: Input, output: Output | undefined): string;
}

export type Verdict = "linearizable" | "illegal" | "unknown";

/** A history over independent objects is linearizable if the history of each is: they are checked apart. */
export function byKey<Input, Output>(
  operations: readonly Operation<Input, Output>[],
  keyOf: (input: Input) => string,
): ReadonlyMap<string, readonly Operation<Input, Output>[]> {
  const parts = new Map<string, Operation<Input, Output>[]>();
  for (const operation of operations) {
    const key = keyOf(operation.input);
    const part = parts.get(key);
    if (part === undefined) parts.set(key, [operation]);
    else part.push(operation);
  }
  return parts;
}
