/** The definition of linearizability, word by word: some order of the operations. For small histories, to hold the checker against. */
import type { Model, Operation } from "./history.ts";

export function isLinearizable<State, Input, Output>(
  model: Model<State, Input, Output>,
  operations: readonly Operation<Input, Output>[],
): boolean {
  const extend = (state: State, left: readonly Operation<Input, Output>[]): boolean => {
    if (left.every(({ output }) => output === undefined)) return true;
    return left.some((next) => {
      const rest = left.filter((other) => other !== next);
      // Nothing may come before what had returned when it was called.
      if (rest.some(({ returnAt, output }) => output !== undefined && returnAt < next.callAt)) return false;
      const after = model.step(state, next.input, next.output);
      if (after !== undefined && extend(after, rest)) return true;
      // An unknown outcome may also be that it never was.
      return next.output === undefined && extend(state, rest);
    });
  };
  return extend(model.initial, operations);
}
