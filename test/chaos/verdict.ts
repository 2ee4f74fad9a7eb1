/**
 * What became of what clients were told. Every version of every key is read back when all is calm; with that, each unknown write
 * is known after all (it is there, at one version, or it never was), and the history is checked key by key.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { byKey } from "../linearizability/history.ts";
import type { RegisterOutput } from "../linearizability/versioned-register.ts";
import { type Load, readOutput } from "./clients.ts";
import { type ChaosCluster, Violation } from "./cluster.ts";
import { judgeKey, type KeyVerdict } from "./key-verdict.ts";

/** Of all keys; each case begins with its key. */
export interface Findings extends KeyVerdict {
  readonly keys: number;
  readonly versions: number;
  readonly digest: string;
}

const KINDS = ["lost", "duplicated", "unasked", "illegal", "undecided"] as const;
const READERS = 16;
const READ_TIMEOUT_MS = 60_000;
const DIGEST_TIMEOUT_MS = 60_000;

export async function judge(cluster: ChaosCluster, load: Load): Promise<Findings> {
  const digest = await agreeOnDigest(cluster);
  const found: Record<(typeof KINDS)[number], string[]> = {
    lost: [],
    duplicated: [],
    unasked: [],
    illegal: [],
    undecided: [],
  };
  let versions = 0;
  const histories = byKey(load.history, ({ key }) => key);
  const left = histories.entries();
  const reader = async (n: number): Promise<void> => {
    for (const [key, keyed] of left) {
      const values = await readVersions(cluster, key, n);
      versions += values.length;
      const operations = keyed.map((operation) => ({ ...operation, input: operation.input.operation }));
      const verdict = judgeKey(operations, values, { refused: load.refused, nowAt: performance.now() });
      for (const kind of KINDS) found[kind].push(...verdict[kind].map((text) => `${key}: ${text}`));
    }
  };
  await Promise.all(Array.from({ length: READERS }, (_, n) => reader(n)));
  return { keys: histories.size, versions, ...found, digest };
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
