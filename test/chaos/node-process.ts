/**
 * One place of the cluster and the server process in it. A place that is emptied gets a new data directory and a new name: its
 * next process is another node.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, mkdirSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { NodeApi } from "./api.ts";
import { FaultControl, type FaultyDisk } from "./faulty-disk.ts";
import { type Network, portsOf } from "./network.ts";
import { isSandboxed } from "./sandbox.ts";

const STRONGROOM = fileURLToPath(new URL("../../apps/cli/bin/strongroom.js", import.meta.url));

export interface NodePlaceOptions {
  readonly place: number;
  /** Logs and configuration. */
  readonly directory: string;
  /** Below it are the data directories. */
  readonly dataRoot: string;
  readonly basePort: number;
  readonly network: Network;
  readonly disk: FaultyDisk | undefined;
  readonly seed: number;
}

export class NodePlace {
  readonly place: number;
  readonly api: NodeApi;
  readonly control: FaultControl | undefined;
  readonly dataRoot: string;
  readonly logFile: string;
  readonly #options: NodePlaceOptions;
  #life = 0;
  #starts = 0;
  #child: ChildProcess | undefined;
  #exited: Promise<void> = Promise.resolve();
  /** Somebody meant this process to end, or to be in danger of it. */
  endExpected = false;

  constructor(options: NodePlaceOptions) {
    const { place, directory, basePort, network } = options;
    this.#options = options;
    this.place = place;
    this.dataRoot = options.dataRoot;
    this.logFile = join(directory, `node-${place}.log`);
    this.api = new NodeApi(network.host(place), portsOf(basePort, place).api);
    if (options.disk !== undefined) this.control = new FaultControl(join(directory, `node-${place}.control`));
    mkdirSync(this.dataRoot, { recursive: true, mode: 0o700 });
    this.#configure();
  }

  /** As the cluster knows the node that is here now. */
  get name(): string {
    return `node-${this.place}-${this.#life}`;
  }

  get dataDirectory(): string {
    return join(this.dataRoot, this.name);
  }

  /** While its process runs. */
  get pid(): number | undefined {
    return this.isRunning ? this.#child?.pid : undefined;
  }

  get isRunning(): boolean {
    const child = this.#child;
    return child !== undefined && child.exitCode === null && child.signalCode === null && child.pid !== undefined;
  }

  get exited(): Promise<void> {
    return this.#exited;
  }

  /** How the last process ended, for people. */
  get end(): string {
    const { exitCode, signalCode } = this.#child ?? {};
    return signalCode ?? `exit code ${exitCode}`;
  }

  /** The next process starts from nothing, as another node. */
  empty(): void {
    this.#life++;
    this.#configure();
  }

  start(joinToken?: string): void {
    if (this.isRunning) throw new Error(`${this.name} runs already`);
    const { network, disk, seed, directory } = this.#options;
    this.endExpected = false;
    this.control?.setHold(true);
    this.control?.failSyncs("none");
    const config = join(directory, `node-${this.place}.json`);
    const server = [process.execPath, STRONGROOM, "server", `-config=${config}`];
    const [command = process.execPath, ...args] = network.prefix(this.place).concat(server);
    const faults =
      disk === undefined || this.control === undefined
        ? {}
        : disk.environment(this.control, seed + 1000 * this.place + this.#starts++);
    const log = openSync(this.logFile, "a", 0o600);
    const child = spawn(command, args, {
      stdio: ["ignore", log, log],
      // A session of its own is a fair share of the cores, as a machine of its own would be. The sandbox ends it in any case.
      detached: isSandboxed(),
      env: {
        ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(VAULT|BAO|STRONGROOM)_/.test(name))),
        ...faults,
        ...(joinToken === undefined ? {} : { STRONGROOM_JOIN_TOKEN: joinToken }),
      },
    });
    closeSync(log);
    this.#child = child;
    this.#exited = new Promise((resolve) => {
      child.once("exit", () => resolve());
      child.once("error", () => resolve());
    });
  }

  /** Resolves when the process is gone. */
  async kill(signal: NodeJS.Signals = "SIGKILL"): Promise<void> {
    this.endExpected = true;
    if (this.isRunning) this.#child?.kill(signal);
    await this.#exited;
  }

  signal(signal: NodeJS.Signals): void {
    if (this.isRunning) this.#child?.kill(signal);
  }

  /** The end of the log of all its processes. */
  lastLogLines(count: number): readonly string[] {
    return readFileSync(this.logFile, "utf8").trimEnd().split("\n").slice(-count);
  }

  #configure(): void {
    const { network, basePort, directory } = this.#options;
    const host = network.host(this.place);
    const { api, cluster } = portsOf(basePort, this.place);
    const listener = {
      address: `${host}:${api}`,
      cluster_address: `${host}:${cluster}`,
      tls_disable: true,
      max_request_duration: "4s",
    };
    const config = {
      api_addr: `http://${host}:${api}`,
      cluster_addr: network.clusterAddress(this.place),
      storage: { raft: { path: this.dataDirectory, node_id: this.name } },
      listener: [{ tcp: listener }],
      workers: 1,
    };
    writeFileSync(join(directory, `node-${this.place}.json`), JSON.stringify(config), { mode: 0o600 });
  }
}
