/** The audit of a real server process with two workers: killed under load, its device's file rotated, its disk searched. */
import { existsSync, readdirSync, readFileSync, renameSync, statSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { verifyStream } from "@strongroom/audit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ServerProcess } from "./server-process.ts";

const CANARY = "canary-value-77aa";

let server: ServerProcess;
let rootToken: string;
let share: string;

beforeAll(async () => {
  server = await ServerProcess.create();
  expect(await server.start()).toBe("running");
  ({ rootToken, share } = await server.initialize());
  await server.call("POST", "sys/mounts/secret", { type: "kv", options: { version: "2" } }, rootToken);
}, 120_000);

afterAll(() => server?.remove());

const directory = (): string => join(server.dataDirectory, "audit");
const device = (): string => join(server.directory, "audit.log");

interface Line {
  readonly type: string;
  readonly stream: string;
  readonly request?: { readonly id?: string; readonly path?: string };
}

function streamLines(): Line[] {
  return readdirSync(directory())
    .filter((name) => name.endsWith(".jsonl"))
    .flatMap((name) => linesOf(join(directory(), name)));
}

/** Whole lines only: the last one of a killed process may be torn. */
function linesOf(file: string): Line[] {
  const text = existsSync(file) ? readFileSync(file, "utf8") : "";
  return text
    .slice(0, text.lastIndexOf("\n") + 1)
    .split("\n")
    .filter((line) => line.startsWith("{") && line.endsWith("}"))
    .map((line) => JSON.parse(line) as Line);
}

const idsOf = (lines: readonly Line[], type: string): Set<string | undefined> =>
  new Set(lines.filter((line) => line.type === type).map(({ request }) => request?.id));

async function until(what: () => boolean | Promise<boolean>): Promise<void> {
  for (let i = 0; i < 600; i++) {
    if (await what()) return;
    await sleep(50);
  }
  throw new Error(`it did not come to that:\n${server.output.slice(-2000)}`);
}

/** Reads and writes from several clients until the process is gone; the ids of all that was answered. */
async function load(clients: number, stopAfter: number, stop: () => Promise<void>): Promise<readonly string[]> {
  const answered: string[] = [];
  let stopping: Promise<void> | undefined;
  const client = async (): Promise<void> => {
    for (let i = 0; stopping === undefined; i++) {
      const name = `secret/data/load/${i % 7}`;
      const call =
        i % 2 === 0
          ? server.call("PUT", name, { data: { value: CANARY, i } }, rootToken)
          : server.call("GET", name, undefined, rootToken);
      const answer = await call.catch(() => undefined);
      if (answer?.status === 200) answered.push(String(answer.json["request_id"]));
      if (answered.length >= stopAfter) stopping ??= stop();
    }
  };
  await Promise.all(Array.from({ length: clients }, client));
  await stopping;
  return answered;
}

describe("a server with two workers", () => {
  it("has every answered request in its streams when it is killed with -9 under load, and goes on after it", async () => {
    const answered = await load(16, 400, async () => void (await server.stop("SIGKILL")));
    const lines = streamLines();
    expect(answered.length).toBeGreaterThanOrEqual(400);
    const [requests, responses] = [idsOf(lines, "request"), idsOf(lines, "response")];
    expect(answered.filter((id) => !requests.has(id) || !responses.has(id))).toEqual([]);
    expect(new Set(lines.filter(({ type }) => type === "response").map(({ stream }) => stream)).size).toBe(2);

    expect(await server.start()).toBe("running");
    await server.call("PUT", "sys/unseal", { key: share });
    await until(async () => (await server.call("GET", "secret/data/load/0", undefined, rootToken)).status === 200);
    const report = verifyStream(directory());
    expect(report.problems).toEqual([]);
    expect(report.streams.filter(({ end }) => end === "recovered")).toHaveLength(2);
  });

  it("keeps its streams to itself, and no value, token or share in them", async () => {
    await server.call("POST", "auth/token/create", { policies: ["default"] }, rootToken);
    await server.call("GET", `secret/data/load/0`, undefined, `hvs.${CANARY}`);
    const files = readdirSync(directory());
    expect(statSync(directory()).mode & 0o777).toBe(0o700);
    for (const name of files) {
      expect(statSync(join(directory(), name)).mode & 0o777).toBe(0o600);
      const text = readFileSync(join(directory(), name), "utf8");
      for (const secret of [CANARY, rootToken, share, Buffer.from(CANARY).toString("base64")]) {
        expect(text).not.toContain(secret);
      }
    }
  });

  it("gives a device all of it, across a rotation of its file with SIGHUP, and after a restart", async () => {
    const enabled = await server.call(
      "POST",
      "sys/audit/file",
      { type: "file", options: { file_path: device() } },
      rootToken,
    );
    expect(enabled).toMatchObject({ status: 204 });
    const listed = await server.call("GET", "sys/audit", undefined, rootToken);
    expect(listed.json).toMatchObject({ "file/": { type: "file" } });
    const sent: string[] = [];
    const ask = async (): Promise<void> => {
      const { json } = await server.call("GET", "secret/data/load/0", undefined, rootToken);
      sent.push(String(json["request_id"]));
    };
    const has = (file: string, id: string | undefined): boolean => idsOf(linesOf(file), "response").has(id);
    for (let i = 0; i < 20; i++) await ask();
    await until(() => has(device(), sent.at(-1)));
    renameSync(device(), `${device()}.1`);
    for (let i = 0; i < 20; i++) await ask();
    process.kill(server.pid, "SIGHUP");
    await ask();
    await until(() => has(device(), sent.at(-1)));
    const both = [...linesOf(`${device()}.1`), ...linesOf(device())];
    const ids = idsOf(both, "response");
    expect(sent.filter((id) => !ids.has(id))).toEqual([]);

    await server.stop("SIGKILL");
    expect(await server.start()).toBe("running");
    await server.call("PUT", "sys/unseal", { key: share });
    await until(async () => (await server.call("GET", "secret/data/load/0", undefined, rootToken)).status === 200);
    await ask();
    await until(() => has(device(), sent.at(-1)));
    // What it was given since it was opened, and the file from before, are one chain.
    expect(verifyStream(device()).problems).toEqual([]);
    expect(readFileSync(device(), "utf8")).not.toContain(CANARY);
    const hashed = await server.call("POST", "sys/audit-hash/file", { input: CANARY }, rootToken);
    expect(JSON.stringify(streamLines())).toContain(String((hashed.json["data"] as { hash: string }).hash));
  });

  it("says in its health which devices fail, and serves on", async () => {
    const options = { address: "127.0.0.1:9", skip_test: true };
    await server.call("POST", "sys/audit/dead", { type: "socket", options }, rootToken);
    await until(async () => (await server.call("GET", "sys/health")).json["audit_devices_failing"] === 1);
    const status = await server.call("GET", "sys/audit-status", undefined, rootToken);
    expect(status.json["data"]).toMatchObject({ devices: { "file/": { error: "" } } });
    expect((await server.call("GET", "secret/data/load/0", undefined, rootToken)).status).toBe(200);
    const metrics = async (): Promise<string> => {
      const headers = { "X-Vault-Token": rootToken };
      return (await fetch(`${server.address}/v1/sys/metrics?format=prometheus`, { headers })).text();
    };
    // A thread that is slow to tell its figures is left out of an answer.
    await until(async () => /^vault_audit_devices_failing 1$/m.test(await metrics()));
  });
});
