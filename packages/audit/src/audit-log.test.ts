import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { RawJson } from "@strongroom/logical";
import { MetricsRegistry, metricsText, silentLogger, utf8 } from "@strongroom/runtime";
import { SeededRandom, VirtualTime } from "@strongroom/runtime/testing";
import { describe, expect, it } from "vitest";
import { AuditLog } from "./audit-log.ts";
import type { AuditRequest } from "./record/types.ts";
import { MemoryAuditDisk } from "./testing/memory-disk.ts";
import { testSalt } from "./testing/salt.ts";
import { verifyStream } from "./verify.ts";

function open(options: { fsync?: boolean } = {}) {
  const disk = new MemoryAuditDisk();
  const time = new VirtualTime();
  const { salt, source } = testSalt();
  const metrics = new MetricsRegistry();
  const log = new AuditLog(
    { node: "n1", worker: "worker-0", ...options },
    { disk, salt, clock: time, timers: time, entropy: new SeededRandom(1), logger: silentLogger, metrics },
  );
  const text = (): string => metricsText([metrics.snapshot()]);
  return { log, disk, time, source, text };
}

let next = 0;
const request = (path = "secret/data/x", remoteAddress = "10.0.0.1"): AuditRequest => ({
  id: `r${next++}`,
  operation: "read",
  path,
  namespace: "",
  remoteAddress,
  remotePort: 1,
});
const ROOM = Number.POSITIVE_INFINITY;
const records = (disk: MemoryAuditDisk): Record<string, unknown>[] =>
  disk
    .lines()
    .map((line) => JSON.parse(line) as Record<string, unknown>)
    .filter(({ type }) => type !== "stream");
const pathOf = (record: Record<string, unknown>): string => String((record["request"] as { path: string }).path);

describe("AuditLog", () => {
  it("writes all records of a turn at once, and says so when they stand", async () => {
    const { log, disk, time } = open();
    const done: string[] = [];
    for (const path of ["a", "b", "c"]) {
      const recorded = log.request(request(path));
      log.response(recorded, { data: { ok: true } });
      void log.recorded().then(() => done.push(path));
    }
    await Promise.resolve();
    expect([done, disk.appends]).toEqual([[], 0]);
    time.advance(0);
    await log.recorded();
    expect([done, disk.appends]).toEqual([["a", "b", "c"], 1]);
    expect(records(disk).map(({ type }) => type)).toEqual([
      "request",
      "response",
      "request",
      "response",
      "request",
      "response",
    ]);
  });

  it("lets a read's request wait for its response, and both share a write", async () => {
    const { log, disk, time } = open();
    const recorded = log.request(request());
    time.advance(10);
    expect(disk.appends).toBe(0);
    log.response(recorded, {});
    const stands = log.recorded();
    time.advance(0);
    await stands;
    expect(disk.appends).toBe(1);
  });

  it("fails who waits when the disk is full, then refuses at once, and tries again in a while", async () => {
    const { log, disk, time, text } = open();
    log.request(request("before"));
    const first = log.recorded();
    time.advance(0);
    await first;
    disk.freeBytes = 10;
    log.request(request("lost"));
    const lost = log.recorded();
    time.advance(0);
    await expect(lost).rejects.toThrow("ENOSPC");
    const appends = disk.appends;
    expect(() => log.request(request("refused"))).toThrow("nothing is executed");
    expect(disk.appends).toBe(appends);
    time.advance(100);
    expect(() => log.request(request("refused"))).toThrow("ENOSPC");
    expect(disk.appends).toBe(appends + 1);
    disk.freeBytes = ROOM;
    expect(() => log.request(request("refused"))).toThrow("ENOSPC");
    time.advance(100);
    log.request(request("after"));
    const after = log.recorded();
    time.advance(0);
    await after;
    expect(records(disk).map(pathOf)).toEqual(["before", "after"]);
    expect(disk.lines().join("\n")).toMatch(/"event":"resumed","error":"ENOSPC[^"]*","refused":4/);
    expect(text()).toContain("vault_audit_log_request_failure 4");
  });

  it("answers no request whose first record was lost while it ran", async () => {
    const { log, disk, time } = open();
    const reading = log.request(request("reading"));
    disk.freeBytes = 10;
    log.request(request("other"));
    const other = log.recorded();
    time.advance(0);
    await expect(other).rejects.toThrow();
    disk.freeBytes = ROOM;
    time.advance(100);
    log.request(request("next"));
    expect(() => log.response(reading, {})).toThrow("lost");
  });

  it("syncs before it says that a record stands, where that is asked for", async () => {
    const { log, disk, time } = open({ fsync: true });
    log.request(request());
    const stands = log.recorded();
    time.advance(0);
    await stands;
    expect(disk.syncs).toBe(1);
  });

  it("writes a caller's HMACs once, and anew after a sealing", async () => {
    const { log, disk, time, source } = open();
    const caller = {};
    let made = 0;
    const who = {
      caller,
      auth: () => {
        made++;
        return { clientToken: utf8("hvs.t"), accessor: "a" };
      },
      decision: { allowed: true, grantingPolicies: ["root"] },
    };
    log.request(request(), who);
    log.request(request(), who);
    expect(made).toBe(1);
    source.sealed = true;
    log.request(request(), who);
    source.sealed = false;
    log.request(request(), who);
    expect(made).toBe(3);
    const stands = log.recorded();
    time.advance(0);
    await stands;
    const tokens = records(disk).map(({ auth }) =>
      String((auth as Record<string, unknown>)["client_token"]).slice(0, 12),
    );
    expect(tokens).toEqual(["hmac-sha256:", "hmac-sha256:", "redacted", "hmac-sha256:"]);
  });

  it("keeps a canary out of the file, wherever a request or answer carries it", async () => {
    const { log, disk, time } = open();
    const canary = "canary-8f2e";
    const who = {
      caller: {},
      auth: () => ({ clientToken: utf8(canary), accessor: canary }),
      decision: { allowed: true, grantingPolicies: [] },
    };
    const body = utf8(JSON.stringify({ data: { a: canary, b: [canary, { c: canary }] }, escaped: `${canary}\n` }));
    const recorded = log.request({ ...request(), operation: "update", clientToken: utf8(canary), body }, who);
    log.response(recorded, {
      data: { own: canary, raw: new RawJson(body) },
      auth: { clientToken: utf8(canary), accessor: canary },
      wrap: { ttlSeconds: 1, token: utf8(canary), accessor: canary, creationTimeMs: 0, creationPath: "p" },
    });
    log.response(recorded, { raw: { status: 200, contentType: "x", body: utf8(canary) } });
    const stands = log.recorded();
    time.advance(0);
    await stands;
    expect(disk.lines().join("\n")).not.toContain(canary);
  });

  it("writes one line a record, whatever stands in a path or an error", async () => {
    const { log, disk, time } = open();
    const hostile = 'a\r\n{"type":"response"}\u2028\u001b[2J\u0085"';
    log.response(log.request(request(hostile), undefined, hostile), undefined, hostile);
    const stands = log.recorded();
    time.advance(0);
    await stands;
    expect(records(disk).map(pathOf)).toEqual([hostile, hostile]);
    expect(disk.lines().join("")).not.toMatch(/[\p{Cc}\p{Zl}\p{Zp}]/u);
  });

  it("ends its stream when it is closed, in order for the verifier", async () => {
    const { log, disk, time } = open();
    log.request(request());
    const closing = log.close();
    time.advance(0);
    await closing;
    const directory = mkdtempSync(join(tmpdir(), "strongroom-audit-log-"));
    const file = join(directory, "a");
    writeFileSync(file, `${disk.lines().join("\n")}\n`);
    expect(verifyStream(file)).toMatchObject({ problems: [], streams: [{ end: "closed" }] });
    rmSync(directory, { recursive: true });
  });
});

describe("refusals", () => {
  const refusal = { code: "permission_denied", message: "permission denied" };

  it("of one source are recorded in full up to a limit, and counted above it", async () => {
    const { log, disk, time } = open();
    for (let i = 0; i < 1000; i++) log.refusal(request("x", "10.0.0.1"), refusal);
    for (let i = 0; i < 3; i++) log.refusal(request("x", "10.0.0.2"), { code: "bad_header", message: "bad" });
    time.advance(1001);
    const stands = log.recorded();
    time.advance(0);
    await stands;
    const all = records(disk);
    const from = (source: string) =>
      all.filter((record) => (record["request"] as Record<string, unknown>)["remote_address"] === source);
    expect(from("10.0.0.1").filter(({ type }) => type === "request")).toHaveLength(50);
    expect(from("10.0.0.1").filter(({ type }) => type === "response")).toHaveLength(50);
    expect(from("10.0.0.1").at(-1)).toMatchObject({
      type: "refused",
      count: 950,
      errors: { permission_denied: 950 },
    });
    expect(from("10.0.0.2").map(({ type }) => type)).toEqual([
      "request",
      "response",
      "request",
      "response",
      "request",
      "response",
    ]);
  });

  it("of any number of sources take bounded memory and bounded room in the file", async () => {
    const { log, disk, time } = open();
    for (let i = 0; i < 20_000; i++) log.refusal(request("x", `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`), refusal);
    time.advance(1001);
    const stands = log.recorded();
    time.advance(0);
    await stands;
    const all = records(disk);
    expect(all.filter(({ type }) => type === "request")).toHaveLength(500);
    const counted = all.filter(({ type }) => type === "refused");
    expect(counted.length).toBeLessThanOrEqual(1025);
    expect(counted.reduce((sum, { count }) => sum + Number(count), 0)).toBe(19_500);
  });
});
