/**
 * Simulated clients' histories for the checker: the rows that all clients of a simulation write and read become registers. A
 * write that was refused (a conflict, a rejection, "not committed") never was; one without an end may have been.
 */
import type { HistoryObserver, Read, Operation as Write } from "../simulation/replica-history.ts";
import type { Model, Operation } from "./history.ts";

export interface SharedRowInput {
  readonly key: string;
  /** Undefined: a read. */
  readonly written: string | undefined;
}

export interface SharedRowOutput {
  /** What was read, or what was written. */
  readonly value: string | undefined;
}

export const sharedRow: Model<string | undefined | null, SharedRowInput, SharedRowOutput> = {
  // Undefined is the model's word for "impossible".
  initial: null,
  step(state, { written }, output) {
    if (written !== undefined) {
      // An increment demands the count before its own, as its guard does.
      const count = countOf(written);
      return count === undefined || count === (countOf(state) ?? 0) + 1 ? written : undefined;
    }
    return output === undefined || (output.value ?? null) === state ? state : undefined;
  },
  keyOf: (state) => state ?? "",
  describe: ({ key, written }, output) =>
    written === undefined ? `read ${key} -> ${output?.value ?? "none"}` : `write ${key} ${written}`,
};

export class SimulatedHistory implements HistoryObserver {
  readonly #began = new Map<Write | Read, number>();
  readonly #done: Operation<SharedRowInput, SharedRowOutput>[] = [];
  #now = 0;

  /** What was heard so far, unanswered writes included. */
  operations(): readonly Operation<SharedRowInput, SharedRowOutput>[] {
    const unanswered = [...this.#began].flatMap(([began, callAt]) =>
      "kind" in began ? [{ ...nobody, input: inputOf(began), output: undefined, callAt }] : [],
    );
    return [...this.#done, ...unanswered];
  }

  began(operation: Write): void {
    if (operation.kind === "register" || operation.kind === "increment") this.#began.set(operation, this.#now++);
  }

  ended(operation: Write): void {
    const callAt = this.#take(operation);
    if (callAt === undefined || operation.outcome !== "applied") return;
    const output = { value: operation.value };
    this.#done.push({ client: "", input: inputOf(operation), output, callAt, returnAt: this.#now++ });
  }

  readBegan(read: Read): void {
    this.#began.set(read, this.#now++);
  }

  readEnded(read: Read, rows: ReadonlyMap<string, string | undefined>): void {
    const callAt = this.#take(read);
    if (callAt === undefined) return;
    const returnAt = this.#now++;
    for (const [key, value] of rows)
      this.#done.push({ client: "", input: { key, written: undefined }, output: { value }, callAt, returnAt });
  }

  #take(began: Write | Read): number | undefined {
    const callAt = this.#began.get(began);
    this.#began.delete(began);
    return callAt;
  }
}

/** Of a counter's value, `3/…`. */
function countOf(value: string | null | undefined): number | undefined {
  const [, count] = /^(\d+)\//.exec(value ?? "") ?? [];
  return count === undefined ? undefined : Number(count);
}

const nobody = { client: "", returnAt: Number.POSITIVE_INFINITY };

function inputOf({ key, value }: Write): SharedRowInput {
  return { key, written: value };
}
