/**
 * What became of what clients were told. Every version of every key is read back when all is calm; with that, each unknown write
 * is known after all (it is there, at one version, or it never was), and the history is checked key by key.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { checkHistory } from "../linearizability/checker.ts";
import { byKey, type Operation } from "../linearizability/history.ts";
import { type RegisterInput, type RegisterOutput, versionedRegister } from "../linearizability/versioned-register.ts";
import { type KeyedInput, type Load, readOutput } from "./clients.ts";
import { type ChaosCluster, Violation } from "./cluster.ts";

export interface Findings {
  readonly keys: number;
  readonly versions: number;
  /** Acknowledged and not there, or not where it was said to be. */
  readonly lost: readonly string[];
  /** There twice. */
  readonly duplicated: readonly string[];
  /** There though nobody wrote it, or though its write was refused. */
  readonly unasked: readonly string[];
  /** Histories that no order explains: a stale read, a lost or repeated write. With what did not fit. */
  readonly illegal: readonly string[];
  /** Histories that the checker could not decide. */
  readonly undecided: readonly string[];
  readonly digest: string;
}

type RegisterOperation = Operation<RegisterInput, RegisterOutput>;

const READERS = 16;
const READ_TIMEOUT_MS = 60_000;
const DIGEST_TIMEOUT_MS = 60_000;

export async function judge(cluster: ChaosCluster, load: Load): Promise<Findings> {
  const digest = await agreeOnDigest(cluster);
  const lost: string[] = [];
  const duplicated: string[] = [];
  const unasked: string[] = [];
  const illegal: string[] = [];
  const undecided: string[] = [];
  let versions = 0;
  const histories = byKey(load.history, ({ key }) => key);
  const left = histories.entries();
  const reader = async (n: number): Promise<void> => {
    for (const [key, operations] of left) {
      const values = await readVersions(cluster, key, n);
      versions += values.length;
      const versionOf = new Map<string, number>();
      const known = new Map<string, Operation<KeyedInput, RegisterOutput>>();
      for (const operation of operations) {
        const { operation: input } = operation.input;
        if (input.type === "write") known.set(input.value, operation);
      }
      for (const [index, value] of values.entries()) {
        if (versionOf.has(value))
          duplicated.push(`${key}: ${value} is version ${versionOf.get(value)} and ${index + 1}`);
        versionOf.set(value, index + 1);
        const writer = known.get(value);
        if (writer === undefined || writer.output?.type === "mismatch")
          unasked.push(
            `${key}: ${value} at version ${index + 1}${load.refused.has(value) ? ", whose write was refused" : ""}`,
          );
      }
      for (const [value, { output }] of known)
        if (output?.type === "written" && versionOf.get(value) !== output.version)
          lost.push(
            `${key}: ${value} was acknowledged as version ${output.version} and is ${versionOf.get(value) ?? "nowhere"}`,
          );
      const history = withKnownFates(operations, versionOf);
      const now = performance.now();
      const current: RegisterOutput = { type: "read", version: values.length, value: values.at(-1) };
      const last = { client: "end", input: { type: "read" }, output: current, callAt: now, returnAt: now } as const;
      const result = checkHistory(versionedRegister, [...history, last]);
      if (result.verdict === "illegal") illegal.push(`${key}:\n${explain(result.fitted, result.stuck)}`);
      if (result.verdict === "unknown") undecided.push(`${key} (${operations.length} operations)`);
    }
  };
  await Promise.all(Array.from({ length: READERS }, (_, n) => reader(n)));
  return { keys: histories.size, versions, lost, duplicated, unasked, illegal, undecided, digest };
}

/** What had no answer took effect as the version that is there, or never did. */
function withKnownFates(
  operations: readonly Operation<KeyedInput, RegisterOutput>[],
  versionOf: ReadonlyMap<string, number>,
): RegisterOperation[] {
  return operations.flatMap((operation): RegisterOperation[] => {
    const { operation: input } = operation.input;
    if (operation.output !== undefined) return [{ ...operation, input }];
    const version = input.type === "write" ? versionOf.get(input.value) : undefined;
    return version === undefined ? [] : [{ ...operation, input, output: { type: "written", version } }];
  });
}

/** The values of versions 1 to the newest. */
async function readVersions(cluster: ChaosCluster, key: string, n: number): Promise<readonly string[]> {
  const read = async (query: string): Promise<Extract<RegisterOutput, { type: "read" }>> => {
    const endMs = performance.now() + READ_TIMEOUT_MS;
    for (let attempt = n; ; attempt++) {
      const place = cluster.places[attempt % cluster.places.length];
      if (place === undefined) throw new Error("a cluster has nodes");
      const answer = await cluster.call(place, { method: "GET", path: `secret/data/${key}${query}` });
      const output = readOutput(answer);
      if (output?.type === "read") return output;
      if (performance.now() > endMs)
        throw new Violation(`${key}${query} cannot be read: ${answer.status} ${answer.text}`);
      await sleep(50);
    }
  };
  const { version: newest } = await read("");
  const values: string[] = [];
  for (let version = 1; version <= newest; version++)
    values.push((await read(`?version=${version}`)).value ?? "(none)");
  return values;
}

/** Waits until all nodes have applied the same entries, and returns what all of them then hold. */
async function agreeOnDigest(cluster: ChaosCluster): Promise<string> {
  const endMs = performance.now() + DIGEST_TIMEOUT_MS;
  for (;;) {
    const answers = await Promise.all(
      cluster.places.map((place) => cluster.call(place, { method: "GET", path: "sys/storage/raft/digest" })),
    );
    const states = answers.map(
      ({ json }) => json.data as { readonly index?: number; readonly sha256?: string } | undefined,
    );
    const told = states
      .map((state, place) => `node ${place}: ${JSON.stringify(state ?? answers[place]?.text)}`)
      .join("\n");
    const [first] = states;
    if (first?.index !== undefined && states.every((state) => state?.index === first.index)) {
      if (states.every((state) => state?.sha256 === first.sha256)) return `${first.sha256} at entry ${first.index}`;
      throw new Violation(`nodes that applied the same entries hold different states:\n${told}`);
    }
    if (performance.now() > endMs) throw new Violation(`the nodes do not come to one applied index:\n${told}`);
    await sleep(100);
  }
}

function explain(fitted: readonly RegisterOperation[], stuck: readonly RegisterOperation[]): string {
  const line = ({ client, input, output, callAt, returnAt }: RegisterOperation): string =>
    `    ${callAt.toFixed(1)}..${returnAt.toFixed(1)} client ${client}: ${versionedRegister.describe(input, output)}`;
  return [
    "  the last that fit:",
    ...fitted.slice(-5).map(line),
    "  what then does not:",
    ...stuck.slice(0, 10).map(line),
  ].join("\n");
}
