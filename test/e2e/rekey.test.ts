/**
 * A rekey on real processes: every open node goes on serving under the new keys, the old shares open nothing any more, and
 * a node that could not be told of it seals itself.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { LocalCluster } from "@strongroom/cli";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

let directory: string;
let cluster: LocalCluster;
let shares: readonly string[];

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "strongroom-e2e-"));
  cluster = await LocalCluster.create({ directory, nodes: 3, basePort: 22_400 });
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

async function until(condition: () => Promise<boolean>): Promise<void> {
  for (let i = 0; i < 400 && !(await condition().catch(() => false)); i++) await sleep(50);
  expect(await condition()).toBe(true);
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
    for (const key of shares.slice(0, 2)) await call(awake, "PUT", "sys/unseal", { key });
    await until(async () => !(await isSealed(asleep)) && (await read(asleep, "before")) === "before");
  });
});
