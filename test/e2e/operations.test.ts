/**
 * What operators do to a running cluster of real processes. The tests share one and run in order: shares and keys are
 * replaced, leadership moves, the state is saved to a file.
 */
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { LocalCluster, type LocalNode } from "@strongroom/cli";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { portBlock } from "./port-block.ts";

const basePort = portBlock({ nodes: 3 });
let directory: string;
let cluster: LocalCluster;
let shares: readonly string[];

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "strongroom-e2e-"));
  cluster = await LocalCluster.create({ directory, nodes: 3, basePort: await basePort(), workers: 2 });
  await cluster.up();
  shares = cluster.unsealKeys;
}, 120_000);

afterAll(async () => {
  await cluster?.close();
  rmSync(directory, { recursive: true, force: true });
}, 60_000);

type Body = Readonly<Record<string, unknown>>;

async function call(index: number, method: "GET" | "PUT", path: string, body?: Body): Promise<Body> {
  const sent = body === undefined ? {} : { body: JSON.stringify(body) };
  const { status, json } = await cluster.request(index, { method, path, ...sent });
  if (status !== 200 && status !== 204) throw new Error(`${path}: ${status} ${JSON.stringify(json)}`);
  return (json ?? {}) as Body;
}

const isSealed = async (index: number): Promise<boolean> =>
  (await call(index, "GET", "sys/seal-status"))["sealed"] === true;

async function put(index: number, name: string): Promise<void> {
  await call(index, "PUT", `secret/data/${name}`, { data: { name } });
}

async function read(index: number, name: string): Promise<unknown> {
  return ((await call(index, "GET", `secret/data/${name}`))["data"] as { data: { name: string } }).data.name;
}

/** Approved by a share given to each of `at`; not verified. The new shares. */
async function rekey(...at: readonly number[]): Promise<string[]> {
  const body = { secret_shares: 4, secret_threshold: 2, require_verification: false };
  const { nonce } = await call(at[0] as number, "PUT", "sys/rekey/init", body);
  let answer: Body = {};
  for (const [i, index] of at.entries())
    answer = await call(index, "PUT", "sys/rekey/update", { key: shares[i], nonce });
  expect(answer["complete"]).toBe(true);
  return answer["keys_base64"] as string[];
}

/** Standard output of the tool as a user runs it; what it says on failure is thrown. */
function execCli(args: readonly string[], environment: NodeJS.ProcessEnv): string {
  const launcher = fileURLToPath(new URL("../../apps/cli/bin/strongroom.js", import.meta.url));
  const env = { ...process.env, ...environment };
  return execFileSync(process.execPath, [launcher, ...args], { env, encoding: "utf8", stdio: "pipe" });
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  for (let i = 0; i < 400 && !(await condition().catch(() => false)); i++) await sleep(50);
  expect(await condition()).toBe(true);
}

/** Whether a node is open, after the shares were given to another if it was not. */
async function opened(index: number, at: number): Promise<boolean> {
  if (!(await isSealed(index))) return true;
  for (const key of shares.slice(0, 2)) await call(at, "PUT", "sys/unseal", { key });
  return !(await isSealed(index));
}

describe("a rekey", () => {
  it("leaves every open node open, and rows of before and after can be read on each", async () => {
    await put(0, "before");
    const made = await rekey(1, 2, 0);
    for (const index of [0, 1, 2]) {
      await put(index, `after-${index}`);
      expect(await isSealed(index)).toBe(false);
    }
    for (const index of [0, 1, 2]) {
      expect(await read(index, "before")).toBe("before");
      expect(await read(index, `after-${(index + 1) % 3}`)).toBe(`after-${(index + 1) % 3}`);
    }
    shares = made;
  });

  it("is in force after kill -9 of all nodes: new shares open them, an old one is named as wrong", async () => {
    for (const index of [0, 1, 2]) await cluster.kill(index);
    await Promise.all([0, 1, 2].map((index) => cluster.startNode(index)));
    const old = await cluster.request(0, {
      method: "PUT",
      path: "sys/unseal",
      body: JSON.stringify({ key: cluster.unsealKeys[0] }),
    });
    expect([old.status, JSON.stringify(old.json)]).toEqual([
      400,
      expect.stringContaining("not one of the cluster's current unseal shares"),
    ]);
    await until(async () => {
      for (const key of shares.slice(0, 2)) await call(1, "PUT", "sys/unseal", { key });
      return !(await isSealed(0)) && !(await isSealed(1)) && !(await isSealed(2));
    });
    expect(await read(2, "after-0")).toBe("after-0");
  });

  it("seals a node that was not told, which new shares open again", async () => {
    const leader = await cluster.leader();
    const [asleep, awake] = [0, 1, 2].filter((index) => index !== leader) as [number, number];
    const { pid } = cluster.nodes[asleep] as { pid: number };
    process.kill(pid, "SIGSTOP");
    try {
      shares = await rekey(awake, leader);
    } finally {
      process.kill(pid, "SIGCONT");
    }
    await until(() => isSealed(asleep));
    await until(() => opened(asleep, awake));
    expect(await read(asleep, "before")).toBe("before");
  });
});

describe("a node that is sealed", () => {
  it("opens when the workers that it had are gone, and not before: it loses no request from then on", async () => {
    const leader = await cluster.leader();
    const [sealed, other] = [0, 1, 2].filter((index) => index !== leader) as [number, number];
    const failures: unknown[] = [];
    for (let i = 0; i < 3; i++) {
      const sealing = call(sealed, "PUT", "sys/seal");
      await until(() => isSealed(sealed));
      await until(() => opened(sealed, other));
      const writers = Array.from({ length: 8 }, async (_, writer) => {
        for (let j = 0; j < 25; j++)
          await put(sealed, `reopened-${i}-${writer}-${j}`).catch((error: unknown) => failures.push(error));
      });
      await Promise.all(writers);
      await sealing;
    }
    expect(failures).toEqual([]);
  });

  it("takes shares itself as soon as it has answered", async () => {
    const leader = await cluster.leader();
    await call(leader, "PUT", "sys/seal");
    for (const key of shares.slice(0, 2)) await call(leader, "PUT", "sys/unseal", { key });
    await until(() => opened(leader, leader));
    expect(await read(leader, "before")).toBe("before");
  });
});

describe("operators", () => {
  it("move leadership from any node, and no write fails meanwhile", async () => {
    let going = true;
    const failures: unknown[] = [];
    const writers = [0, 1, 2].map(async (index) => {
      for (let i = 0; going; i++)
        await put(index, `moving-${index}-${i}`).catch((error: unknown) => failures.push(error));
    });
    for (let i = 0; i < 3; i++) {
      const leader = await cluster.leader();
      const [asked, next] = [0, 1, 2].filter((index) => index !== leader) as [number, number];
      await call(asked, "PUT", "sys/storage/raft/transfer-leader", { server_id: `node-${next}` });
      await until(async () => (await cluster.leader()) === next);
    }
    going = false;
    await Promise.all(writers);
    expect(failures).toEqual([]);
  });

  it("save the whole state to a file, which is proven and readable by nobody else", async () => {
    await put(1, "in-the-snapshot");
    const file = join(directory, "backup.snap");
    const { apiAddress } = cluster.nodes[0] as LocalNode;
    const environment = {
      VAULT_ADDR: apiAddress,
      VAULT_CACERT: cluster.caCertificateFile,
      VAULT_TOKEN: cluster.rootToken,
    };
    const save = ["operator", "raft", "snapshot", "save", "-format=json", file];
    const saved = JSON.parse(execCli(save, environment)) as Body;
    expect(saved).toMatchObject({ voters: 3, signed: true });
    expect(Number(saved["rows"])).toBeGreaterThan(20);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(existsSync(`${file}.part`)).toBe(false);
    const inspect = ["operator", "raft", "snapshot", "inspect", "-format=json", file];
    expect(JSON.parse(execCli(inspect, environment))).toEqual(saved);
    const bytes = readFileSync(file);
    expect(bytes.includes("in-the-snapshot")).toBe(false);
    bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] as number) ^ 1;
    writeFileSync(file, bytes);
    expect(() => execCli(inspect, environment)).toThrow(/damaged/);
  });
});
