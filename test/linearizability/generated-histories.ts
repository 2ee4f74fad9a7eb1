/**
 * Histories whose verdict is known because of how they are made. Operations take effect one after the other at points of time,
 * each is called some time before its point and returns some time after it: that is linearizable by definition. Then one
 * answer is changed to what no order explains: versions only grow, and each value was written once.
 */
import type { SeededRandom } from "@strongroom/runtime/testing";
import type { Operation } from "./history.ts";
import { type RegisterInput, type RegisterOutput, versionedRegister } from "./versioned-register.ts";

export type RegisterOperation = Operation<RegisterInput, RegisterOutput>;

export interface HistoryShape {
  readonly operations: number;
  /** How far calls and returns lie from the point of effect; a point a time unit. */
  readonly jitter: number;
  readonly unknownPercent: number;
}

export function linearizableHistory(random: SeededRandom, shape: HistoryShape): RegisterOperation[] {
  let state = versionedRegister.initial;
  const history: RegisterOperation[] = [];
  for (let i = 0; i < shape.operations; i++) {
    const at = i * 10;
    const callAt = at - random.below(shape.jitter * 10 + 1);
    const returnAt = at + random.below(shape.jitter * 10 + 1);
    const client = String(i);
    const cas = random.chance(50) ? undefined : Math.max(0, state.version - (random.chance(30) ? 1 : 0));
    const input: RegisterInput = random.chance(40) ? { type: "read" } : { type: "write", value: `v${i}`, cas };
    const unknown = random.chance(shape.unknownPercent);
    // What has no answer may also never have been.
    if (unknown && random.chance(50)) {
      history.push({ client, input, output: undefined, callAt, returnAt: Number.POSITIVE_INFINITY });
      continue;
    }
    const output = answer(input, state);
    state = versionedRegister.step(state, input, output) ?? state;
    history.push(
      unknown
        ? { client, input, output: undefined, callAt, returnAt: Number.POSITIVE_INFINITY }
        : { client, input, output, callAt, returnAt },
    );
  }
  return history;
}

/** Undefined if the history has no place where this can be done. */
export type Mutation = (history: readonly RegisterOperation[], random: SeededRandom) => RegisterOperation[] | undefined;

export const MUTATIONS: Readonly<Record<string, Mutation>> = {
  /** A read shows what had been replaced before it was called. */
  "stale read": (history, random) =>
    changeOne(history, random, (operation) => {
      if (operation.output?.type !== "read") return undefined;
      const before = history.filter(({ returnAt }) => returnAt < operation.callAt);
      const newest = Math.max(0, ...before.map(({ output }) => (output?.type === "written" ? output.version : 0)));
      return newest === 0 ? undefined : { type: "read", version: 0, value: undefined };
    }),
  /** An acknowledged write of which a read knows nothing but its version. */
  "lost write": (history, random) =>
    changeOne(history, random, ({ output }) => {
      if (output?.type !== "read" || output.version === 0) return undefined;
      const writer = history.find(
        (other) => other.output?.type === "written" && other.output.version === output.version,
      );
      return writer === undefined ? undefined : { ...output, value: "nobody wrote this" };
    }),
  /** Two writes are told that they made the same version. */
  "repeated version": (history, random) =>
    changeOne(history, random, (operation) => {
      const { output } = operation;
      if (output?.type !== "written") return undefined;
      const others = history.filter((other) => other !== operation && other.output?.type === "written");
      const other = others[random.below(Math.max(1, others.length))]?.output;
      return other?.type === "written" ? other : undefined;
    }),
  /** A write that was refused is read. */
  "refused and written": (history, random) =>
    changeOne(history, random, ({ input, output }) => {
      if (input.type !== "write" || output?.type !== "written") return undefined;
      const wasRead = history.some((other) => other.output?.type === "read" && other.output.value === input.value);
      return wasRead ? { type: "mismatch" } : undefined;
    }),
};

function changeOne(
  history: readonly RegisterOperation[],
  random: SeededRandom,
  change: (operation: RegisterOperation) => RegisterOutput | undefined,
): RegisterOperation[] | undefined {
  const changed = history.flatMap((operation, index) => {
    const output = change(operation);
    return output === undefined ? [] : [{ index, operation: { ...operation, output } }];
  });
  const chosen = changed[random.below(Math.max(1, changed.length))];
  return chosen === undefined ? undefined : history.with(chosen.index, chosen.operation);
}

function answer(
  input: RegisterInput,
  state: { readonly version: number; readonly value: string | undefined },
): RegisterOutput {
  if (input.type === "read") return { type: "read", ...state };
  if (input.cas !== undefined && input.cas !== state.version) return { type: "mismatch" };
  return { type: "written", version: state.version + 1 };
}
