/**
 * The load: a few clients at each node's door, each doing one thing at a time to a few secrets that all of them share, and
 * writing down what it was told. Values are unique. Writes that got no answer are sometimes sent again at another node under
 * the same Idempotency-Key; what still has no answer counts as unknown.
 */
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { SeededRandom } from "@strongroom/runtime/testing";
import type { Operation } from "../linearizability/history.ts";
import type { RegisterInput, RegisterOutput } from "../linearizability/versioned-register.ts";
import type { Answer, Call } from "./api.ts";
import type { ChaosCluster } from "./cluster.ts";
import type { NodePlace } from "./node-process.ts";

export interface KeyedInput {
  readonly key: string;
  readonly operation: RegisterInput;
}

const LIVE_KEYS = 8;
/** Then another key takes its place: short histories are checked fast. */
const OPERATIONS_A_KEY = 300;
const CLIENTS_A_NODE = 2;
const PAUSE_MS = 20;
const REFUSED_PAUSE_MS = 150;
const AGAIN_FOR_MS = 8_000;

export class Load {
  readonly history: Operation<KeyedInput, RegisterOutput>[] = [];
  /** Values whose writes were answered with "it was not written". */
  readonly refused = new Set<string>();
  /** When each write was acknowledged. */
  readonly acknowledgedAtMs: number[] = [];
  reads = 0;
  mismatches = 0;
  unknown = 0;
  /** Sent again at another node, and answered there. */
  repeated = 0;
  readonly #cluster: ChaosCluster;
  readonly #keys: { name: string; operations: number }[];
  #nextKey = 0;
  #stopped = false;
  readonly #running: readonly Promise<void>[];

  /** Starts at once. */
  constructor(cluster: ChaosCluster, seed: number) {
    this.#cluster = cluster;
    this.#keys = Array.from({ length: LIVE_KEYS }, () => this.#newKey());
    this.#running = cluster.places.flatMap((place) =>
      Array.from({ length: CLIENTS_A_NODE }, (_, n) =>
        this.#client(place, `${place.place}.${n}`, new SeededRandom(seed + 100 * place.place + n)),
      ),
    );
  }

  get acknowledged(): number {
    return this.acknowledgedAtMs.length;
  }

  /** Resolves when every operation under way has ended. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#running);
  }

  /** The longest time without an acknowledged write that ended or went on after `sinceMs`. */
  longestGapMs(sinceMs: number): number {
    const from = this.acknowledgedAtMs.findLastIndex((atMs) => atMs < sinceMs);
    const times = [...this.acknowledgedAtMs.slice(Math.max(0, from)), performance.now()];
    return times.reduce((longest, atMs, i) => Math.max(longest, atMs - (times[i - 1] ?? atMs)), 0);
  }

  #newKey(): { name: string; operations: number } {
    return { name: `key-${this.#nextKey++}`, operations: 0 };
  }

  #takeKey(random: SeededRandom): string {
    const slot = random.below(LIVE_KEYS);
    const key = this.#keys[slot];
    if (key === undefined) throw new Error("every slot has a key");
    if (++key.operations >= OPERATIONS_A_KEY) this.#keys[slot] = this.#newKey();
    return key.name;
  }

  async #client(place: NodePlace, name: string, random: SeededRandom): Promise<void> {
    /** What this client last heard of a key's version. */
    const versions = new Map<string, number>();
    for (let n = 0; !this.#stopped; n++) {
      const key = this.#takeKey(random);
      const record = (input: RegisterInput, output: RegisterOutput | undefined, callAt: number): void => {
        const returnAt = output === undefined ? Number.POSITIVE_INFINITY : performance.now();
        this.history.push({ client: name, input: { key, operation: input }, output, callAt, returnAt });
        if (output !== undefined && output.type !== "mismatch") versions.set(key, output.version);
      };
      const callAt = performance.now();
      if (random.chance(40)) {
        const output = readOutput(await this.#cluster.call(place, { method: "GET", path: `secret/data/${key}` }));
        if (output !== undefined) {
          this.reads++;
          record({ type: "read" }, output, callAt);
        }
      } else {
        const cas = random.chance(55) ? (versions.get(key) ?? 0) : undefined;
        const value = `${name}-${n}`;
        const output = await this.#write(place, { key, value, cas }, random);
        if (output === "refused") {
          this.refused.add(value);
          await sleep(REFUSED_PAUSE_MS);
        } else {
          if (output === undefined) this.unknown++;
          else if (output.type === "mismatch") {
            this.mismatches++;
            versions.delete(key);
          } else this.acknowledgedAtMs.push(performance.now());
          record({ type: "write", value, cas }, output, callAt);
          if (output?.type === "mismatch") await this.#learn(place, key, versions);
        }
      }
      await sleep(random.below(2 * PAUSE_MS));
    }
  }

  /** After a mismatch: what version there is, so that the next write has a chance. Not part of the history. */
  async #learn(place: NodePlace, key: string, versions: Map<string, number>): Promise<void> {
    const output = readOutput(await this.#cluster.call(place, { method: "GET", path: `secret/data/${key}` }));
    if (output?.type === "read") versions.set(key, output.version);
  }

  async #write(
    place: NodePlace,
    { key, value, cas }: { readonly key: string; readonly value: string; readonly cas: number | undefined },
    random: SeededRandom,
  ): Promise<RegisterOutput | "refused" | undefined> {
    const body = { data: { value }, ...(cas === undefined ? {} : { options: { cas } }) };
    const call: Call = { method: "PUT", path: `secret/data/${key}`, body };
    if (random.chance(50)) return writeOutput(await this.#cluster.call(place, call));
    const idempotencyKey = uuidV7();
    const untilMs = performance.now() + AGAIN_FOR_MS;
    const { places } = this.#cluster;
    for (let attempt = 0; ; attempt++) {
      const next = places[(place.place + attempt) % places.length] ?? place;
      const output = writeOutput(await this.#cluster.call(next, { ...call, idempotencyKey }));
      if (attempt === 0 && output !== undefined) return output;
      if (output !== undefined && output !== "refused" && output.type === "written") {
        this.repeated++;
        return output;
      }
      // A refusal now says nothing of what was sent before.
      if (output === undefined || output === "refused") {
        if (performance.now() > untilMs) return undefined;
        await sleep(100);
      } else return undefined;
    }
  }
}

/** Undefined when no answer says what the value is. */
export function readOutput({ status, json }: Answer): RegisterOutput | undefined {
  if (status === 404) return { type: "read", version: 0, value: undefined };
  if (status !== 200) return undefined;
  const { data, metadata } = (json.data ?? {}) as {
    readonly data?: { readonly value?: string };
    readonly metadata?: { readonly version?: number };
  };
  return { type: "read", version: metadata?.version ?? 0, value: data?.value };
}

function writeOutput({ status, json, text, refused }: Answer): RegisterOutput | "refused" | undefined {
  if (status === 200) return { type: "written", version: Number(json.data?.["version"]) };
  if (status === 400 && text.includes("check-and-set parameter did not match")) return { type: "mismatch" };
  if (refused) return "refused";
  return status === 503 && /not_committed|unavailable|Vault is sealed/.test(text) ? "refused" : undefined;
}

/** RFC 9562 §5.7. */
function uuidV7(): string {
  const time = Date.now().toString(16).padStart(12, "0");
  return `${time.slice(0, 8)}-${time.slice(8)}-7${randomUUID().slice(15)}`;
}
