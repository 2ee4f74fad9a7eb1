/** Reads the published histories of `testdata/porcupine`, and has the models that they are histories of. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Model, Operation, Verdict } from "./history.ts";

const DIRECTORY = join(import.meta.dirname, "testdata/porcupine");

interface CasInput {
  readonly type: "read" | "write" | "cas";
  /** Of a write its value; of a cas what it expects and what it sets. */
  readonly values: readonly string[];
}

/** Of a read its value, else whether it took place. */
type CasOutput = { readonly value: string } | { readonly done: boolean };

export const casRegister: Model<string, CasInput, CasOutput> = {
  initial: "nil",
  step(state, { type, values: [first = "", second = ""] }, output) {
    if (type === "read")
      return output === undefined || ("value" in output && output.value === state) ? state : undefined;
    if (type === "write") return first;
    if (output !== undefined && !("done" in output && output.done === (state === first))) return undefined;
    return state === first ? second : state;
  },
  keyOf: (state) => state,
  describe: ({ type, values }, output) => `${type}(${values.join(", ")}) -> ${JSON.stringify(output)}`,
};

export interface AppendInput {
  readonly type: "get" | "put" | "append";
  readonly key: string;
  readonly value: string;
}

export const appendStore: Model<string, AppendInput, { readonly value: string }> = {
  initial: "",
  step(state, { type, value }, output) {
    if (type === "get") return output === undefined || output.value === state ? state : undefined;
    return type === "put" ? value : state + value;
  },
  keyOf: (state) => state,
  describe: ({ type, key, value }, output) => `${type}(${key}, ${value}) -> ${JSON.stringify(output)}`,
};

export interface PublishedHistory {
  readonly name: string;
  readonly verdict: Verdict;
  readonly operations: readonly Operation<CasInput, CasOutput>[];
}

/** The Jepsen histories of one etcd register. */
export function etcdHistories(): readonly PublishedHistory[] {
  const lines = readFileSync(join(DIRECTORY, "etcd-jepsen.txt"), "utf8").trimEnd().split("\n");
  return lines.map((line) => {
    const [name = "", verdict = "", ...events] = line.split(" ");
    const calls = new Calls<CasInput, CasOutput>();
    for (const event of events) {
      const [, client = "", mark, kind = "", rest = ""] = /^(\d+)([?=])([rwc])(.*)$/.exec(event) ?? [];
      const type = kind === "r" ? "read" : kind === "w" ? "write" : "cas";
      if (mark === "?") calls.begin(client, { type, values: rest === "" ? [] : rest.split(",") });
      else if (rest !== "timeout") calls.end(client, type === "read" ? { value: rest } : { done: rest !== "fail" });
    }
    return { name, verdict: verdict as Verdict, operations: calls.operations() };
  });
}

/** One of `c01-ok` and its like. */
export function appendHistory(name: string): readonly Operation<AppendInput, { readonly value: string }>[] {
  const calls = new Calls<AppendInput, { readonly value: string }>();
  for (const line of readFileSync(join(DIRECTORY, `${name}.txt`), "utf8")
    .trimEnd()
    .split("\n")) {
    const match = /:process (\d+), :type :(\w+), :f :(\w+), :key "(.*)", :value (nil|".*")\}/.exec(line);
    if (match === null) throw new Error(`${name}: cannot read ${line}`);
    const [, client = "", type, f, key = "", quoted = ""] = match;
    const value = quoted === "nil" ? "" : quoted.slice(1, -1);
    if (type === "invoke") calls.begin(client, { type: f as AppendInput["type"], key, value });
    else calls.end(client, { value });
  }
  return calls.operations();
}

/** Puts calls and ends together; the places in the file are the times. */
class Calls<Input, Output> {
  readonly #open = new Map<string, { readonly input: Input; readonly callAt: number }>();
  readonly #done: Operation<Input, Output>[] = [];
  #now = 0;

  begin(client: string, input: Input): void {
    this.#open.set(client, { input, callAt: this.#now++ });
  }

  end(client: string, output: Output): void {
    const call = this.#open.get(client);
    if (call === undefined) throw new Error(`${client} ends what it did not begin`);
    this.#open.delete(client);
    this.#done.push({ client, ...call, output, returnAt: this.#now++ });
  }

  operations(): readonly Operation<Input, Output>[] {
    const unanswered = [...this.#open].map(([client, call]) => ({
      client,
      ...call,
      output: undefined,
      returnAt: Number.POSITIVE_INFINITY,
    }));
    return [...this.#done, ...unanswered];
  }
}
