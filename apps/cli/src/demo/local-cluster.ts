/**
 * A cluster of real server processes on this machine, for the demo, the benchmarks and the end-to-end tests. It goes through
 * the same doors as an operator, and never touches a process that it did not start.
 */
import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { present } from "@strongroom/runtime";
import { LocalError } from "../command.ts";
import { type ApiRequest, type ApiResponse, RemoteError, ServerApi } from "../server-api.ts";
import { pause, waitFor } from "../wait.ts";
import { type NodePlan, planNodes, writeNodeFiles, writePrivately } from "./node-files.ts";
import { NodeProcess } from "./node-process.ts";
import { requireFreePorts } from "./ports.ts";

export interface LocalClusterOptions {
  /** Made when it is not there, and then removed by `close`, or by the end of this process. */
  readonly directory: string;
  /** Removed although it was there. */
  readonly temporary?: boolean;
  readonly nodes: number;
  readonly basePort: number;
  /** Default 5. */
  readonly shares?: number;
  /** Default 3. */
  readonly threshold?: number;
  /** Of each node. Default: the nodes share this machine's cores. */
  readonly workers?: number;
}

export interface LocalNode extends NodePlan {
  /** While its process runs. */
  readonly pid: number | undefined;
}

export interface LocalMember {
  readonly id: string;
  readonly address: string;
  readonly leader: boolean;
  readonly voter: boolean;
}

/** A process that ends is noticed at once; these are for machines that have much else to do. */
const START_TIMEOUT_MS = 120_000;
const OPEN_TIMEOUT_MS = 120_000;
const LEADER_TIMEOUT_MS = 20_000;
const VOTERS_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 10_000;

export class LocalCluster {
  readonly nodes: readonly LocalNode[];
  readonly caCertificateFile: string;
  readonly #caCertificate: string;
  readonly #directory: string;
  readonly #madeDirectory: boolean;
  readonly #shares: number;
  readonly #threshold: number;
  readonly #processes = new Map<number, NodeProcess>();
  #rootToken = "";
  #unsealKeys: readonly string[] = [];
  #closed = false;
  readonly #onExit = (): void => {
    this.#signalAll("SIGKILL");
    this.#removeDirectory();
  };

  private constructor(
    options: LocalClusterOptions,
    plans: readonly NodePlan[],
    files: { readonly caCertificateFile: string; readonly caCertificate: string; readonly madeDirectory: boolean },
  ) {
    this.#directory = options.directory;
    this.#madeDirectory = files.madeDirectory;
    this.#shares = options.shares ?? 5;
    this.#threshold = options.threshold ?? 3;
    this.caCertificateFile = files.caCertificateFile;
    this.#caCertificate = files.caCertificate;
    const processes = this.#processes;
    this.nodes = plans.map((plan) => ({
      ...plan,
      get pid() {
        return processes.get(plan.index)?.pid;
      },
    }));
    // Whatever ends this process, its children do not outlive it (unless it is killed).
    process.once("exit", this.#onExit);
  }

  /** Writes the files; starts nothing. Throws `LocalError`, also when a port is taken. */
  static async create(options: LocalClusterOptions): Promise<LocalCluster> {
    const plans = planNodes(options);
    await requireFreePorts(plans);
    const madeDirectory = options.temporary === true || !existsSync(options.directory);
    return new LocalCluster(options, plans, {
      ...writeNodeFiles(options.directory, plans, options.workers),
      madeDirectory,
    });
  }

  /** Empty until `initialize`. */
  get rootToken(): string {
    return this.#rootToken;
  }

  /** In base64. */
  get unsealKeys(): readonly string[] {
    return this.#unsealKeys;
  }

  get threshold(): number {
    return this.#threshold;
  }

  /** Resolves when the node's HTTPS door answers. A node with data goes on where it was, whatever token is given. */
  async startNode(index: number, options: { readonly joinToken?: string } = {}): Promise<void> {
    if (this.#closed) throw new LocalError("This cluster is closed.");
    const plan = this.#plan(index);
    if (plan.pid !== undefined) throw new LocalError(`${plan.id} runs already.`);
    const started = NodeProcess.start(plan, options.joinToken);
    this.#processes.set(index, started);
    await waitFor(`${plan.id} to answer`, START_TIMEOUT_MS, async () => {
      started.assertRunning();
      return (await this.#tryRequest(index, { method: "GET", path: "sys/seal-status" }))?.status === 200
        ? true
        : undefined;
    });
  }

  /** Node 0 becomes a cluster of one, sealed. */
  async initialize(): Promise<void> {
    const body = JSON.stringify({ secret_shares: this.#shares, secret_threshold: this.#threshold });
    const { json } = await this.#call(0, { method: "PUT", path: "sys/init", body });
    this.#unsealKeys = present(json?.["keys_base64"] as readonly string[] | undefined, "init gives the shares");
    this.#rootToken = String(json?.["root_token"]);
  }

  /** Gives one share to one node, once. Throws `RemoteError`. */
  async unseal(share: string, index: number): Promise<{ readonly sealed: boolean; readonly progress: number }> {
    const { json } = await this.#call(index, {
      method: "PUT",
      path: "sys/unseal",
      body: JSON.stringify({ key: share }),
    });
    return { sealed: json?.["sealed"] === true, progress: Number(json?.["progress"] ?? 0) };
  }

  /** Gives a node enough shares, and again while the cluster has no leader to collect them; resolves when it serves. */
  async openNode(index: number): Promise<void> {
    const { id } = this.#plan(index);
    await waitFor(`${id} to open`, OPEN_TIMEOUT_MS, async () => {
      this.#processes.get(index)?.assertRunning();
      if (!(await this.#isSealed(index))) return true;
      for (const share of this.#unsealKeys.slice(0, this.#threshold)) {
        try {
          if (!(await this.unseal(share, index)).sealed) return true;
        } catch (error) {
          if (!(error instanceof RemoteError) || (error.status !== 0 && error.status < 500)) throw error;
          return undefined;
        }
      }
      return undefined;
    });
    await this.waitUntilServing(index);
  }

  /** Resolves when the node answers a request that needs its keys, its state and a leader. */
  async waitUntilServing(index: number): Promise<void> {
    const { id } = this.#plan(index);
    await waitFor(`${id} to serve`, OPEN_TIMEOUT_MS, async () => {
      this.#processes.get(index)?.assertRunning();
      const answer = await this.#tryRequest(index, { method: "GET", path: "auth/token/lookup-self" });
      return answer?.status === 200 ? true : undefined;
    });
  }

  /** A token that lets one node join. */
  async joinToken(): Promise<string> {
    const { json } = await this.#call(await this.#anyOpenNode(), {
      method: "POST",
      path: "sys/storage/raft/join-token",
      body: "{}",
    });
    return String(json?.data?.["token"]);
  }

  /** KV version 2 at `secret/`, as a development server has it. */
  async mountKv(): Promise<void> {
    const body = JSON.stringify({ type: "kv", options: { version: "2" } });
    await this.#call(await this.#anyOpenNode(), { method: "POST", path: "sys/mounts/secret", body });
  }

  /** From files to a cluster that serves: all nodes open and voting, KV mounted. */
  async up(): Promise<void> {
    await this.startNode(0);
    await this.initialize();
    await this.openNode(0);
    await this.mountKv();
    await this.joinOthers();
    for (const { index } of this.nodes) await this.openNode(index);
    await this.waitForVoters(this.nodes.length);
  }

  /** Starts all nodes but the first, each with a token of its own; they come up sealed. */
  async joinOthers(): Promise<void> {
    const others = this.nodes.slice(1);
    const tokens: string[] = [];
    for (const _ of others) tokens.push(await this.joinToken());
    await Promise.all(
      others.map(({ index }, i) => this.startNode(index, { joinToken: present(tokens[i], "one token each") })),
    );
  }

  /** The index of the node that says so itself. */
  async leader(): Promise<number> {
    return waitFor("a leader", LEADER_TIMEOUT_MS, async () => {
      for (const { index } of this.#running()) {
        const { json } = (await this.#tryRequest(index, { method: "GET", path: "sys/leader" })) ?? {};
        if (json?.["is_self"] === true) return index;
      }
      return undefined;
    });
  }

  /** Throws `RemoteError` when no open node answers. */
  async members(): Promise<readonly LocalMember[]> {
    const { json } = await this.#call(await this.#anyOpenNode(), {
      method: "GET",
      path: "sys/storage/raft/configuration",
    });
    const config = json?.data?.["config"] as { readonly servers?: readonly Record<string, unknown>[] } | undefined;
    return (config?.servers ?? []).map((server) => ({
      id: String(server["node_id"]),
      address: String(server["address"]),
      leader: server["leader"] === true,
      voter: server["voter"] === true,
    }));
  }

  async waitForVoters(count: number): Promise<void> {
    await waitFor(`${count} voting members`, VOTERS_TIMEOUT_MS, async () =>
      (await this.members()).filter(({ voter }) => voter).length === count ? true : undefined,
    );
  }

  /** How far the node's state is, by its own word. */
  async appliedIndex(index: number): Promise<number> {
    const { json } = await this.#call(index, { method: "GET", path: "sys/leader" });
    return Number(json?.["raft_applied_index"]);
  }

  /** Resolves when the node's process is gone, at once if none runs. */
  async exited(index: number): Promise<void> {
    await this.#processes.get(index)?.exited;
  }

  /** Empty for a node that was never started. */
  lastLogLines(index: number): string {
    return this.#processes.get(index)?.lastLines() ?? "";
  }

  /** Resolves when the process is gone. */
  async kill(index: number, signal: NodeJS.Signals = "SIGKILL"): Promise<void> {
    const running = this.#processes.get(index);
    running?.signal(signal);
    await running?.exited;
  }

  /** Starts a node again with the data that it has; it comes up sealed. */
  async restart(index: number): Promise<void> {
    await this.startNode(index);
  }

  /** With the root token unless another is given. Throws `RemoteError` when nothing answers. */
  request(index: number, request: ApiRequest): Promise<ApiResponse> {
    return this.#api(index).send(request);
  }

  /** What other programs need to use the cluster, with its secrets; readable by the owner only. */
  async writeClusterFile(): Promise<void> {
    const nodes = this.nodes.map(({ id, pid, dataDir, apiAddress, grpcAddress, clusterAddress }) => ({
      id,
      pid,
      data_dir: dataDir,
      api_addr: apiAddress,
      grpc_addr: grpcAddress,
      cluster_addr: clusterAddress,
    }));
    const cluster = {
      ca_cert: this.caCertificateFile,
      root_token: this.#rootToken,
      unseal_keys: this.#unsealKeys,
      nodes,
    };
    writePrivately(join(this.#directory, "cluster.json"), `${JSON.stringify(cluster, undefined, 2)}\n`);
  }

  /** Ends what it started, by SIGTERM and then SIGKILL, and removes the directory if it made it. Idempotent. */
  async close(): Promise<void> {
    this.#closed = true;
    const all = [...this.#processes.values()];
    this.#signalAll("SIGTERM");
    const ended = Promise.all(all.map(({ exited }) => exited));
    const patience = new AbortController();
    await Promise.race([ended, pause(STOP_TIMEOUT_MS, patience.signal)]);
    patience.abort();
    this.#signalAll("SIGKILL");
    await ended;
    process.off("exit", this.#onExit);
    this.#removeDirectory();
  }

  /** Who has just been killed may have one more file on the way. */
  #removeDirectory(): void {
    if (this.#madeDirectory) rmSync(this.#directory, { recursive: true, force: true, maxRetries: 10, retryDelay: 20 });
  }

  #signalAll(signal: NodeJS.Signals): void {
    for (const running of this.#processes.values()) running.signal(signal);
  }

  #plan(index: number): LocalNode {
    const node = this.nodes[index];
    if (node === undefined) throw new LocalError(`There is no node ${index}.`);
    return node;
  }

  #running(): readonly LocalNode[] {
    return this.nodes.filter(({ pid }) => pid !== undefined);
  }

  async #isSealed(index: number): Promise<boolean> {
    const answer = await this.#tryRequest(index, { method: "GET", path: "sys/seal-status" });
    return answer?.json?.["sealed"] !== false;
  }

  async #anyOpenNode(): Promise<number> {
    return waitFor("an open node", OPEN_TIMEOUT_MS, async () => {
      for (const { index } of this.#running()) if (!(await this.#isSealed(index))) return index;
      return undefined;
    });
  }

  #api(index: number): ServerApi {
    return new ServerApi({
      address: new URL(this.#plan(index).apiAddress),
      caCertificates: [this.#caCertificate],
      caFingerprint: undefined,
      serverName: undefined,
      skipVerify: false,
      namespace: undefined,
      wrapTtl: undefined,
      token: this.#rootToken === "" ? undefined : this.#rootToken,
    });
  }

  #call(index: number, request: ApiRequest): Promise<ApiResponse> {
    return this.#api(index).call(request);
  }

  /** Nothing when nobody answers. */
  async #tryRequest(index: number, request: ApiRequest): Promise<ApiResponse | undefined> {
    try {
      return await this.request(index, request);
    } catch (error) {
      if (error instanceof RemoteError) return undefined;
      throw error;
    }
  }
}
