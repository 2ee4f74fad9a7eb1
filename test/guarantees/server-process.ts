/** A real server process on loopback, over plain HTTP, for tests of what only a whole process can show. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

export const STRONGROOM: string = fileURLToPath(new URL("../../apps/cli/bin/strongroom.js", import.meta.url));

const START_TIMEOUT_MS = 30_000;

/** A port that nobody listened on a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error("a TCP server has a port");
  return address.port;
}

export interface Answer {
  readonly status: number;
  readonly json: Record<string, unknown>;
}

/** One node's directory and configuration, and its process while it runs. */
export class ServerProcess {
  readonly directory: string;
  readonly dataDirectory: string;
  readonly address: string;
  output = "";
  #child: ChildProcess | undefined;

  private constructor(directory: string, port: number) {
    this.directory = directory;
    this.dataDirectory = join(directory, "data");
    this.address = `http://127.0.0.1:${port}`;
  }

  static async create(): Promise<ServerProcess> {
    const directory = mkdtempSync(join(tmpdir(), "strongroom-process-"));
    const [port, clusterPort] = [await freePort(), await freePort()];
    const one = new ServerProcess(directory, port);
    const listener = { address: `127.0.0.1:${port}`, cluster_address: `127.0.0.1:${clusterPort}`, tls_disable: true };
    const config = {
      storage: { raft: { path: one.dataDirectory, node_id: "only" } },
      listener: [{ tcp: listener }],
      cluster_addr: listener.cluster_address,
      workers: 2,
      log_format: "json",
    };
    writeFileSync(join(directory, "config.json"), JSON.stringify(config));
    return one;
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  /** Resolves when the process answers, or with its exit code when it ends instead. */
  async start(...args: readonly string[]): Promise<number | "running"> {
    this.output = "";
    const config = `-config=${join(this.directory, "config.json")}`;
    const child = spawn(process.execPath, [STRONGROOM, "server", config, ...args], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#child = child;
    for (const stream of [child.stdout, child.stderr])
      stream.on("data", (chunk: Buffer) => {
        this.output += chunk.toString();
      });
    let code: number | undefined;
    const ended = once(child, "close").then(([status]: unknown[]) => {
      code = Number(status);
    });
    for (let waitedMs = 0; waitedMs < START_TIMEOUT_MS; waitedMs += 50) {
      if (code !== undefined) return code;
      if ((await this.call("GET", "sys/seal-status").catch(() => undefined))?.status === 200) return "running";
      await Promise.race([sleep(50), ended]);
    }
    throw new Error(`the server did not start:\n${this.output}`);
  }

  async call(method: string, path: string, body?: object, token?: string): Promise<Answer> {
    const response = await fetch(`${this.address}/v1/${path}`, {
      method,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      headers: token === undefined ? {} : { "X-Vault-Token": token },
    });
    const text = await response.text();
    return { status: response.status, json: (text === "" ? {} : JSON.parse(text)) as Record<string, unknown> };
  }

  /** Makes a cluster of this node and opens it with its only share. */
  async initialize(): Promise<{ readonly rootToken: string; readonly share: string }> {
    const { json } = await this.call("PUT", "sys/init", { secret_shares: 1, secret_threshold: 1 });
    const [share = ""] = json["keys_base64"] as readonly string[];
    await this.call("PUT", "sys/unseal", { key: share });
    return { rootToken: String(json["root_token"]), share };
  }

  /** Resolves when the process is gone, to its exit code; `undefined` when it was gone before, or a signal ended it. */
  async stop(signal: NodeJS.Signals = "SIGTERM", times = 1): Promise<number | undefined> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return undefined;
    const ended = once(child, "close");
    for (let i = 0; i < times; i++) {
      if (i > 0) await sleep(20);
      child.kill(signal);
    }
    await ended;
    return child.exitCode ?? undefined;
  }

  async remove(): Promise<void> {
    await this.stop("SIGKILL");
    rmSync(this.directory, { recursive: true, force: true });
  }
}
