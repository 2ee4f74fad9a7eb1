/** What became of one key: what its clients were told, against the values of all its versions. */
import { checkHistory } from "../linearizability/checker.ts";
import type { Operation } from "../linearizability/history.ts";
import { type RegisterInput, type RegisterOutput, versionedRegister } from "../linearizability/versioned-register.ts";

export type RegisterOperation = Operation<RegisterInput, RegisterOutput>;

export interface KeyVerdict {
  /** Acknowledged and not there, or not where it was said to be. */
  readonly lost: readonly string[];
  /** There twice. */
  readonly duplicated: readonly string[];
  /** There though nobody wrote it, or though its write was refused. */
  readonly unasked: readonly string[];
  /** No order explains what clients saw: a stale read, a lost or repeated write. With what does not fit. */
  readonly illegal: readonly string[];
  /** The checker could not decide. */
  readonly undecided: readonly string[];
}

/** `values` are those of versions 1, 2, …, read at `nowAt`, after all operations; `refused` were answered with "not written". */
export function judgeKey(
  operations: readonly RegisterOperation[],
  values: readonly string[],
  { refused, nowAt }: { readonly refused: ReadonlySet<string>; readonly nowAt: number },
): KeyVerdict {
  const versionOf = new Map<string, number>();
  const writes = new Map<string, RegisterOperation>();
  for (const operation of operations)
    if (operation.input.type === "write") writes.set(operation.input.value, operation);
  const duplicated: string[] = [];
  const unasked: string[] = [];
  for (const [index, value] of values.entries()) {
    const version = index + 1;
    const before = versionOf.get(value);
    if (before !== undefined) duplicated.push(`${value} is version ${before} and ${version}`);
    versionOf.set(value, version);
    const writer = writes.get(value);
    if (refused.has(value)) unasked.push(`${value} at version ${version}, whose write was refused`);
    else if (writer === undefined) unasked.push(`${value} at version ${version}, which nobody wrote`);
    else if (writer.output?.type === "mismatch") unasked.push(`${value} at version ${version}, a cas mismatch`);
  }
  const lost = [...writes].flatMap(([value, { output }]) =>
    output?.type === "written" && versionOf.get(value) !== output.version
      ? [`${value} was acknowledged as version ${output.version} and is ${versionOf.get(value) ?? "nowhere"}`]
      : [],
  );
  const current: RegisterOutput = { type: "read", version: values.length, value: values.at(-1) };
  const last = { client: "end", input: { type: "read" }, output: current, callAt: nowAt, returnAt: nowAt } as const;
  const result = checkHistory(versionedRegister, [...withKnownFates(operations, versionOf), last]);
  return {
    lost,
    duplicated,
    unasked,
    illegal: result.verdict === "illegal" ? [explain(result.fitted, result.stuck)] : [],
    undecided: result.verdict === "unknown" ? [`${operations.length} operations`] : [],
  };
}

/** What had no answer took effect as the version that is there, or never did. */
function withKnownFates(
  operations: readonly RegisterOperation[],
  versionOf: ReadonlyMap<string, number>,
): RegisterOperation[] {
  return operations.flatMap((operation): RegisterOperation[] => {
    const { input, output } = operation;
    if (output !== undefined) return [operation];
    const version = input.type === "write" ? versionOf.get(input.value) : undefined;
    return version === undefined ? [] : [{ ...operation, output: { type: "written", version } }];
  });
}

function explain(fitted: readonly RegisterOperation[], stuck: readonly RegisterOperation[]): string {
  const line = ({ client, input, output, callAt, returnAt }: RegisterOperation): string =>
    `    ${callAt.toFixed(1)}..${returnAt.toFixed(1)} client ${client}: ${versionedRegister.describe(input, output)}`;
  const parts = ["the last that fit:", ...fitted.slice(-5).map(line), "  what then does not:"];
  return [...parts, ...stuck.slice(0, 10).map(line)].join("\n");
}
