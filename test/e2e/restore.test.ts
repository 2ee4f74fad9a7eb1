/**
 * A cluster of real processes that is saved, goes on, is lost, and begins anew from the file. The tests share it and run in
 * order: what the file holds is there, what came after is not, and the old cluster's nodes are strangers.
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
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
let backup: string;
let oldClusterId: unknown;
let lastLeader = 0;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "strongroom-e2e-"));
  backup = join(directory, "backup.snap");
  cluster = await LocalCluster.create({ directory, nodes: 3, basePort: await basePort() });
  await cluster.up();
}, 180_000);

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

const put = (index: number, name: string) => call(index, "PUT", `secret/data/${name}`, { data: { name } });
const clusterId = async (index: number) => (await call(index, "GET", "sys/seal-status"))["cluster_id"];
const node = (index: number) => cluster.nodes[index] as LocalNode;

function authority(index: number): unknown {
  const identity = JSON.parse(readFileSync(join(node(index).dataDir, "identity.json"), "utf8")) as Body;
  return identity["caCertificate"];
}

async function read(index: number, name: string): Promise<unknown> {
  const { status, json } = await cluster.request(index, { method: "GET", path: `secret/data/${name}` });
  return status === 200 ? (json as { data: { data: { name: string } } }).data.data.name : status;
}

/** Standard output of the tool as a user runs it; what it says on failure is thrown. */
function execCli(...args: readonly string[]): string {
  const launcher = fileURLToPath(new URL("../../apps/cli/bin/strongroom.js", import.meta.url));
  const env = {
    ...process.env,
    VAULT_ADDR: node(0).apiAddress,
    VAULT_CACERT: cluster.caCertificateFile,
    VAULT_TOKEN: cluster.rootToken,
  };
  return execFileSync(process.execPath, [launcher, "operator", "raft", "snapshot", ...args], {
    env,
    encoding: "utf8",
    stdio: "pipe",
  });
}

describe("a restore", () => {
  it("refuses a directory that holds a node, a damaged file, and one of another version, and changes nothing", async () => {
    await put(0, "saved");
    await call(1, "PUT", "sys/policies/acl/kept", { policy: 'path "secret/*" { capabilities = ["read"] }' });
    execCli("save", backup);
    await put(2, "after the save");
    oldClusterId = await clusterId(0);
    const survivor = join(directory, "survivor.snap");
    const offline = () => execCli("save", "-format=json", `-data-dir=${node(1).dataDir}`, survivor);
    expect(offline).toThrow(/A server runs on/);
    expect(await read(1, "after the save")).toBe("after the save");
    await Promise.all([0, 1, 2].map((index) => cluster.kill(index)));

    expect(JSON.parse(offline())).toMatchObject({ signed: false, voters: 3, cluster_id: oldClusterId });
    expect(JSON.parse(execCli("inspect", "-format=json", backup))).toMatchObject({ cluster_id: oldClusterId });
    const fresh = join(directory, "fresh");
    expect(() => execCli("restore", `-data-dir=${fresh}`, survivor)).toThrow(/-accept-unsigned/);

    const before = readdirSync(node(0).dataDir).sort();
    expect(() => execCli("restore", `-data-dir=${node(0).dataDir}`, backup)).toThrow(/is not empty/);
    expect(readdirSync(node(0).dataDir).sort()).toEqual(before);

    const damage = (name: string, at: (bytes: Buffer) => number): string => {
      const bytes = readFileSync(backup);
      const place = at(bytes);
      bytes[place] = (bytes[place] as number) ^ 0x40;
      writeFileSync(join(directory, name), bytes);
      return join(directory, name);
    };
    const damaged = damage("damaged.snap", ({ length }) => length >> 1);
    expect(() => execCli("restore", `-data-dir=${fresh}`, damaged)).toThrow(/damaged/);
    const foreign = damage("foreign.snap", () => 7);
    expect(() => execCli("restore", `-data-dir=${fresh}`, foreign)).toThrow(/has version 65/);
    expect(() => readdirSync(fresh)).toThrow(/ENOENT/);
  });

  it("that was broken off keeps the server from starting, and is begun anew", async () => {
    for (const { dataDir } of cluster.nodes) renameSync(dataDir, `${dataDir}.old`);
    const { dataDir } = node(0);
    mkdirSync(join(dataDir, "state-7-0.building"), { recursive: true, mode: 0o700 });
    writeFileSync(join(dataDir, "restoring"), "");
    await expect(cluster.startNode(0)).rejects.toThrow(/has not come to its end/);
    const restored = JSON.parse(execCli("restore", "-format=json", `-data-dir=${dataDir}`, backup)) as Body;
    expect(restored).toMatchObject({ signed: true });
    expect(restored["cluster_id"]).not.toBe(oldClusterId);
    expect(readdirSync(dataDir).filter((name) => name.endsWith(".building") || name === "restoring")).toEqual([]);
  });

  it("begins a new cluster with what was saved, opened by the shares of that time", async () => {
    await cluster.startNode(0);
    await cluster.openNode(0);
    expect([await read(0, "saved"), await read(0, "after the save")]).toEqual(["saved", 404]);
    expect(JSON.stringify(await call(0, "GET", "sys/policies/acl/kept"))).toContain("secret/*");
    expect(await clusterId(0)).not.toBe(oldClusterId);
    expect((await cluster.members()).map(({ id, voter }) => [id, voter])).toEqual([["node-0", true]]);
    await put(0, "new");
    await cluster.kill(0);
    await cluster.startNode(0);
    await cluster.openNode(0);
    expect(await read(0, "new")).toBe("new");
  });

  it("leaves the old cluster's nodes strangers, whatever they have to say", async () => {
    for (const index of [1, 2]) renameSync(`${node(index).dataDir}.old`, node(index).dataDir);
    expect(authority(0)).not.toBe(authority(1));
    await Promise.all([1, 2].map((index) => cluster.startNode(index)));
    await Promise.all([1, 2].map((index) => cluster.openNode(index)));
    // They are two of three, and go on as what they were.
    expect(await read(1, "after the save")).toBe("after the save");
    expect(await clusterId(1)).toBe(oldClusterId);
    await sleep(1_000);
    expect([await read(0, "after the save"), await read(1, "new")]).toEqual([404, 404]);
    const members = await call(0, "GET", "sys/storage/raft/configuration");
    expect((members["data"] as { config: { servers: unknown[] } }).config.servers).toHaveLength(1);
    for (const index of [1, 2]) {
      await cluster.kill(index);
      renameSync(node(index).dataDir, `${node(index).dataDir}.old`);
    }
  });

  it("is joined by fresh nodes, and all serve", async () => {
    await cluster.joinOthers();
    for (const index of [1, 2]) await cluster.openNode(index);
    await cluster.waitForVoters(3);
    for (const index of [0, 1, 2]) {
      await put(index, `by-${index}`);
      expect([await read((index + 1) % 3, `by-${index}`), await read(index, "saved")]).toEqual([
        `by-${index}`,
        "saved",
      ]);
    }
    lastLeader = await cluster.leader();
    await cluster.kill(lastLeader);
    expect(await read((lastLeader + 1) % 3, "new")).toBe("new");
    await put((lastLeader + 1) % 3, "last");
  });

  it("from what one survivor's directory holds loses nothing that was acknowledged", async () => {
    await Promise.all([0, 1, 2].map((index) => cluster.kill(index)));
    const file = join(directory, "lost-quorum.snap");
    execCli("save", `-data-dir=${node((lastLeader + 1) % 3).dataDir}`, file);
    renameSync(node(0).dataDir, `${node(0).dataDir}.lost`);
    execCli("restore", "-accept-unsigned", `-data-dir=${node(0).dataDir}`, file);
    await cluster.startNode(0);
    await cluster.openNode(0);
    for (const name of ["saved", "new", "by-0", "by-1", "by-2", "last"]) expect(await read(0, name)).toBe(name);
  });
});
