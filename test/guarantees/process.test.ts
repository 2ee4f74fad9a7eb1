/** Promises of docs/guarantees.md that only a whole server process can keep. */
import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, readdirSync, readFileSync, renameSync, writeSync } from "node:fs";
import { connect, createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { decodeJoinToken } from "@strongroom/cluster";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ServerProcess, STRONGROOM } from "./server-process.ts";

let server: ServerProcess;

beforeEach(async () => {
  server = await ServerProcess.create();
});

afterEach(() => server.remove());

describe("a server", () => {
  it("does not start on a damaged log, says what to do, and leaves the log as it is", async () => {
    expect(await server.start()).toBe("running");
    await server.initialize();
    await server.stop("SIGKILL");
    const segment = join(server.dataDirectory, "wal", "0000000000000001.wal");
    const file = openSync(segment, "r+");
    // Within the first records, which later ones vouch for.
    writeSync(file, Uint8Array.of(0xff), 0, 1, 200);
    closeSync(file);
    const damaged = readFileSync(segment);
    expect(await server.start()).toBe(1);
    expect(server.output).toMatch(/is damaged/);
    expect(server.output).toMatch(/must not vote/);
    expect(readFileSync(segment).equals(damaged)).toBe(true);
  });

  it("does not start a new life under its old identity when its log is gone", async () => {
    expect(await server.start()).toBe("running");
    await server.initialize();
    await server.stop("SIGKILL");
    renameSync(join(server.dataDirectory, "wal"), join(server.directory, "wal-elsewhere"));
    expect(await server.start()).toBe(1);
    expect(server.output).toMatch(/identity of a member but no log/);
  });

  it("goes on as the node that it was, whatever token it is given, sealed and with all that was acknowledged", async () => {
    expect(await server.start()).toBe("running");
    const { rootToken, share } = await server.initialize();
    await server.call("PUT", "sys/mounts/kv", { type: "kv", options: { version: "2" } }, rootToken);
    for (let i = 0; i < 20; i++) await server.call("PUT", `kv/data/${i}`, { data: { i } }, rootToken);
    await server.stop("SIGKILL");
    expect(await server.start("-join=srjoin.anything")).toBe("running");
    expect(server.output).toMatch(/is a member already; the join token is ignored/);
    expect((await server.call("GET", "kv/data/0", undefined, rootToken)).status).toBe(503);
    await server.call("PUT", "sys/unseal", { key: share });
    for (let i = 0; i < 20; i++)
      expect((await server.call("GET", `kv/data/${i}`, undefined, rootToken)).json).toMatchObject({
        data: { data: { i } },
      });
  });

  it("stops in order, however often it is told to", async () => {
    expect(await server.start()).toBe("running");
    // It answers a little before it minds signals.
    for (let i = 0; i < 200 && !server.output.includes("server started"); i++) await sleep(50);
    // What it still waits for when the next signal comes.
    const request = connect(Number(new URL(server.address).port), "127.0.0.1");
    request.on("error", () => {});
    request.write("PUT /v1/sys/init HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{");
    await server.call("GET", "sys/seal-status");
    expect(await server.stop("SIGTERM", 3)).toBe(0);
    request.destroy();
  });

  it("does not take a join token where it began a cluster of its own, and says what to do", async () => {
    expect(await server.start()).toBe("running");
    await server.stop();
    expect(await server.start("-join=srjoin.anything")).toBe(1);
    expect(server.output).toMatch(/was started without a join token/);
    expect(server.output).toMatch(/remove the directory and start again with the token/);
  });

  it("ends with a sentence where somebody else listens already, a development server too", async () => {
    const { hostname, port } = new URL(server.address);
    const other = createServer((socket) => socket.destroy());
    other.listen(Number(port), hostname);
    await once(other, "listening");
    try {
      expect(await server.start()).toBe(1);
      expect(server.output).toMatch(/address already in use/);
      const args = [STRONGROOM, "server", "-dev", `-dev-listen-address=${hostname}:${port}`];
      const env = { ...process.env, TMPDIR: server.directory };
      const { status, stderr } = spawnSync(process.execPath, args, { env, encoding: "utf8", timeout: 30_000 });
      expect([status, stderr]).toEqual([1, expect.stringContaining("address already in use")]);
      expect(readdirSync(server.directory).filter((name) => name.startsWith("strongroom-dev-"))).toEqual([]);
    } finally {
      other.close();
    }
  });

  it("keeps the secret of a join token in no file", async () => {
    expect(await server.start()).toBe("running");
    const { rootToken } = await server.initialize();
    const { json } = await server.call("PUT", "sys/storage/raft/join-token", {}, rootToken);
    const { token } = json["data"] as { readonly token: string };
    const { id, secret } = decodeJoinToken(token);
    let found = 0;
    for (const entry of readdirSync(server.dataDirectory, { recursive: true, withFileTypes: true })) {
      if (!entry.isFile()) continue;
      const bytes = readFileSync(join(entry.parentPath, entry.name));
      if (bytes.includes(token) || bytes.includes(id) || bytes.includes(secret)) found++;
    }
    expect(found).toBe(0);
  });

  it("shows no credentials of its environment, such as a proxy's (CVE-2020-13223)", async () => {
    const names = ["HTTPS_PROXY", "HTTP_PROXY", "https_proxy", "ALL_PROXY", "VAULT_TOKEN"];
    for (const name of names) vi.stubEnv(name, `http://user:canary-${name}@proxy.example:8080`);
    try {
      expect(await server.start("-log-level=debug")).toBe("running");
      const { rootToken } = await server.initialize();
      await server.call("GET", "sys/nothing", undefined, rootToken);
      await server.call("GET", "secret/data/x", undefined, "hvs.unknown");
      await server.stop();
    } finally {
      vi.unstubAllEnvs();
    }
    expect(server.output).not.toContain("canary");
  });

  it("answers the sealing, then ends every worker that had keys and starts others", async () => {
    expect(await server.start()).toBe("running");
    const { rootToken, share } = await server.initialize();
    const before = workerThreads(server.pid);
    expect(before).toHaveLength(2);
    expect((await server.call("PUT", "sys/seal", {}, rootToken)).status).toBe(204);
    let after = workerThreads(server.pid);
    for (let i = 0; i < 200 && (after.length < 2 || after.some((id) => before.includes(id))); i++) {
      await sleep(50);
      after = workerThreads(server.pid);
    }
    expect(after).toHaveLength(2);
    expect(after.filter((id) => before.includes(id))).toEqual([]);
    for (let i = 0; i < 200; i++) {
      if ((await server.call("GET", "sys/seal-status").catch(() => undefined))?.status === 200) break;
      await sleep(50);
    }
    await server.call("PUT", "sys/unseal", { key: share });
    expect((await server.call("GET", "auth/token/lookup-self", undefined, rootToken)).status).toBe(200);
  });
});

/** Ids of the process's request workers, which bear their name in the kernel's list of threads. */
function workerThreads(pid: number): string[] {
  const tasks = `/proc/${pid}/task`;
  return readdirSync(tasks).filter((id) => {
    try {
      return readFileSync(join(tasks, id, "comm"), "utf8").trim() === "worker-thread";
    } catch {
      // It has ended since the list was read.
      return false;
    }
  });
}
