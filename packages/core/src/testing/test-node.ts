/** A whole core in memory: real barrier, real seal, a store of one node, and a cluster view that says what it is told. */
import { AuditLog, AuditSalt } from "@strongroom/audit";
import { MemoryAuditDisk } from "@strongroom/audit/testing";
import { Barrier, SharedKeys } from "@strongroom/barrier";
import {
  type BackendFactory,
  encodeJson,
  type Operation,
  type PasswordHasher,
  type RawJson,
} from "@strongroom/logical";
import { MetricsRegistry, metricsText, present, SecretBytes, silentLogger, utf8 } from "@strongroom/runtime";
import { SeededRandom } from "@strongroom/runtime/testing";
import { MemoryStore } from "@strongroom/storage/testing";
import { randomUuid } from "../base62.ts";
import type { ClusterSummary, ClusterView, JoinTokenOptions } from "../cluster-view.ts";
import { Core } from "../core.ts";
import type { AuditDevicesView, CoreDependencies } from "../dependencies.ts";
import type { AuthInfo, CoreRequest, CoreResult, JsonMembers, WrapInfo } from "../request.ts";
import { SingleNodeGate } from "./single-node-gate.ts";

/** Remembers what it was asked to do. */
export class TestClusterView implements ClusterView {
  readonly calls: string[] = [];
  summary: ClusterSummary = {
    nodeId: 1,
    leaderId: 1,
    term: 1,
    commitIndex: 7,
    appliedIndex: 7,
    configurationIndex: 1,
    members: [
      {
        nodeId: 1,
        name: "node-1",
        voter: true,
        leader: true,
        clusterAddress: "127.0.0.1:8201",
        apiAddress: "https://127.0.0.1:8200",
        online: true,
        lastContactMs: 0,
        match: 7,
      },
    ],
  };

  async status(): Promise<ClusterSummary> {
    return this.summary;
  }

  async digest(): Promise<{ index: number; sha256: string }> {
    return { index: this.summary.appliedIndex, sha256: "5f".repeat(32) };
  }

  async leaderStatus(): Promise<ClusterSummary> {
    return this.summary;
  }

  async snapshot(): Promise<AsyncIterable<Uint8Array>> {
    async function* pieces(): AsyncGenerator<Uint8Array> {
      yield utf8("snap");
      yield utf8("shot");
    }
    return pieces();
  }

  async createJoinToken(options: JoinTokenOptions): Promise<{ token: SecretBytes; expiresAtMs: number }> {
    this.calls.push(`join-token ${options.ttlSeconds} ${options.nodeName ?? "-"} ${options.open}`);
    return { token: new SecretBytes(utf8("sr-join-token")), expiresAtMs: Date.UTC(2030, 0, 1) };
  }

  async removePeer(serverId: string): Promise<void> {
    this.calls.push(`remove-peer ${serverId}`);
  }

  async promote(serverId: string): Promise<void> {
    this.calls.push(`promote ${serverId}`);
  }

  async demote(serverId: string): Promise<void> {
    this.calls.push(`demote ${serverId}`);
  }

  async transferLeadership(serverId: string | undefined): Promise<void> {
    this.calls.push(`transfer ${serverId ?? "-"}`);
  }

  async stepDown(): Promise<void> {
    this.calls.push("step-down");
  }
}

export interface TestNodeOptions {
  readonly seed?: number;
  readonly store?: MemoryStore;
  readonly kdf?: PasswordHasher;
  readonly auditDevices?: AuditDevicesView;
  /** Whether it works in the background, as one worker of a node does; it does unless a test does that work itself. */
  readonly background?: boolean;
}

/** Records stand when the turn is over, however the test's time stands. */
function soon(callback: () => void): () => void {
  queueMicrotask(callback);
  return () => undefined;
}

export interface CallOptions {
  readonly body?: unknown;
  /** Null: none. */
  readonly token?: string | null;
  readonly query?: CoreRequest["query"];
  readonly contentType?: string;
  readonly remoteAddress?: string;
  readonly wrapTtlSeconds?: number;
  readonly engine?: CoreRequest["engine"];
  /** By their names in lower case. */
  readonly headers?: Readonly<Record<string, readonly string[]>>;
}

const noKdf = (): never => {
  throw new Error("this test hashes no passwords");
};
const NO_KDF: PasswordHasher = { hash: noKdf, verify: noKdf };

export class TestNode {
  readonly store: MemoryStore;
  readonly barrier: Barrier;
  readonly gate: SingleNodeGate;
  readonly cluster: TestClusterView = new TestClusterView();
  /** Where the node's audit stream lies. */
  readonly auditDisk: MemoryAuditDisk = new MemoryAuditDisk();
  readonly core: Core;
  readonly dependencies: CoreDependencies;
  /** Known once `initialize` has run. */
  rootToken = "";
  unsealKeys: readonly string[] = [];

  constructor(backends: readonly BackendFactory[], options: TestNodeOptions = {}) {
    const entropy = new SeededRandom(options.seed ?? 1);
    this.store = options.store ?? new MemoryStore();
    const { clock, timers } = this.store;
    this.barrier = new Barrier({}, { keys: SharedKeys.create(), entropy, logger: silentLogger });
    this.gate = new SingleNodeGate({ store: this.store, barrier: this.barrier, entropy, clock, timers });
    const metrics = new MetricsRegistry();
    this.dependencies = {
      store: this.store,
      barrier: this.barrier,
      seal: this.gate,
      cluster: this.cluster,
      backends,
      clock,
      timers,
      entropy,
      kdf: options.kdf ?? NO_KDF,
      audit: new AuditLog(
        { node: "node-1", worker: "worker-0" },
        {
          disk: this.auditDisk,
          salt: new AuditSalt(this.barrier),
          clock,
          timers: {
            after: (delayMs, callback) => timers.after(delayMs, callback),
            every: (intervalMs, callback) => timers.every(intervalMs, callback),
            immediate: soon,
          },
          entropy,
          logger: silentLogger,
          metrics,
        },
      ),
      auditDevices: options.auditDevices ?? { statuses: () => [], probe: async () => undefined },
      logger: silentLogger,
      metrics,
      metricsText: async () => metricsText([metrics.snapshot()]),
      version: "0.1.0",
      buildDate: "2030-01-01T00:00:00Z",
    };
    this.core = Core.open(this.dependencies);
    if (options.background !== false) this.core.background.start();
  }

  /** All records that stand, those of the stream about itself left out. */
  auditRecords(): Record<string, unknown>[] {
    return this.auditDisk
      .lines()
      .map((line) => JSON.parse(line) as Record<string, unknown>)
      .filter(({ type }) => type !== "stream");
  }

  /** Initialises with 3 shares and threshold 2, and unseals. */
  async initialize(): Promise<void> {
    const init = await this.call("update", "sys/init", { body: { secret_shares: 3, secret_threshold: 2 } });
    const { keys, root_token: token } = bodyOf(init) as { keys: string[]; root_token: string };
    this.unsealKeys = keys;
    this.rootToken = token;
    await this.unseal();
  }

  async unseal(): Promise<void> {
    for (const key of this.unsealKeys.slice(0, 2)) await this.call("update", "sys/unseal", { body: { key } });
  }

  /** A request with the root token, or with `token`; `null` sends none. */
  call(operation: Operation | "help", path: string, options: CallOptions = {}): Promise<CoreResult> {
    const token = options.token === undefined ? this.rootToken : (options.token ?? "");
    return this.core.handle({
      id: randomUuid(this.dependencies.entropy),
      operation,
      path,
      query: options.query ?? new Map(),
      remoteAddress: options.remoteAddress ?? "127.0.0.1",
      namespace: "",
      header: (name) => options.headers?.[name] ?? [],
      deadlineMs: this.store.clock.monotonicMs() + 10_000,
      ...(token === "" ? undefined : { token: utf8(token) }),
      ...(options.engine === undefined ? undefined : { engine: options.engine }),
      ...(options.wrapTtlSeconds === undefined ? undefined : { wrapTtlSeconds: options.wrapTtlSeconds }),
      ...(options.contentType === undefined ? undefined : { contentType: options.contentType }),
      ...(options.body === undefined ? undefined : { body: utf8(JSON.stringify(options.body)) }),
    });
  }
}

/** The token that a login or a creation answered with. */
export function authOf(result: CoreResult): Omit<AuthInfo, "clientToken"> & { readonly token: string } {
  const { clientToken, ...auth } = present(result.kind === "data" ? result.auth : undefined, "it answers with auth");
  return { ...auth, token: Buffer.from(clientToken).toString("latin1") };
}

/** The wrapping token that was answered instead of an answer. */
export function wrapOf(result: CoreResult): Omit<WrapInfo, "token"> & { readonly token: string } {
  const { token, ...wrap } = present(result.kind === "data" ? result.wrap : undefined, "it is wrapped");
  return { ...wrap, token: Buffer.from(token).toString("latin1") };
}

/** The members of a result's `data` or body as plain values; stored JSON in it is parsed. */
export function bodyOf(result: CoreResult): unknown {
  const members = result.kind === "data" ? result.data : result.kind === "plain" ? result.body : undefined;
  return members === undefined || members === null ? undefined : plain(members);
}

function plain(members: JsonMembers | RawJson): unknown {
  return JSON.parse(Buffer.from(encodeJson(members)).toString("utf8"));
}
