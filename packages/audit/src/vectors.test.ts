import { createHash, createHmac } from "node:crypto";
import { readFileSync } from "node:fs";
import { RawJson } from "@strongroom/logical";
import { MetricsRegistry, silentLogger, utf8 } from "@strongroom/runtime";
import { SeededRandom, VirtualTime } from "@strongroom/runtime/testing";
import { describe, expect, it } from "vitest";
import { AuditLog } from "./audit-log.ts";
import { hashedData } from "./record/leaf-hasher.ts";
import { MemoryAuditDisk } from "./testing/memory-disk.ts";
import { testSalt } from "./testing/salt.ts";

interface Vectors {
  readonly salt: string;
  readonly hmacs: readonly { readonly input: string; readonly hmac: string }[];
  readonly lines: readonly string[];
}

const vectors = JSON.parse(readFileSync(new URL("../testdata/audit-v1.json", import.meta.url), "utf8")) as Vectors;
const { salt } = testSalt();

describe("the vectors of docs/formats/audit.md", () => {
  it("have the HMACs that the page describes, and that records have", () => {
    const key = Buffer.from(vectors.salt, "hex");
    for (const { input, hmac } of vectors.hmacs) {
      expect(hmac).toBe(`hmac-sha256:${createHmac("sha256", key).update(Buffer.from(input, "utf8")).digest("hex")}`);
      expect(salt.hash(input)).toBe(hmac);
      expect(JSON.parse(hashedData(new RawJson(utf8(JSON.stringify([input]))), salt))).toEqual([hmac]);
    }
  });

  it("are a chain as the page describes it", () => {
    let prev = "0".repeat(64);
    for (const [i, line] of vectors.lines.entries()) {
      const members = Object.entries(JSON.parse(line) as Record<string, unknown>);
      expect(members.slice(-3)).toEqual([
        ["seq", i + 1],
        ["stream", "000001-0c754338"],
        ["prev", prev],
      ]);
      prev = createHash("sha256").update(Buffer.from(line, "utf8")).digest("hex");
    }
  });

  it("are what is written", async () => {
    const disk = new MemoryAuditDisk();
    const time = new VirtualTime();
    const log = new AuditLog(
      { node: "node-1", worker: "worker-0" },
      {
        disk,
        salt,
        clock: time,
        timers: time,
        entropy: new SeededRandom(5),
        logger: silentLogger,
        metrics: new MetricsRegistry(),
      },
    );
    const request = log.request(
      {
        id: "6f1c1b0a-2a53-4a3e-9b0f-3a5d0c8f7e11",
        operation: "update",
        path: "secret/data/app",
        namespace: "",
        remoteAddress: "10.0.0.7",
        remotePort: 51_234,
        mount: {
          point: "secret/",
          type: "kv",
          accessor: "kv_1f2e3d4c",
          runningVersion: "v0.1.0+builtin.strongroom",
          class: "secret",
          clearRequestKeys: new Set(),
          clearResponseKeys: new Set(),
        },
        body: utf8('{"data":{"password":"correct horse"},"options":{"cas":0}}'),
      },
      {
        caller: {},
        auth: () => ({
          clientToken: utf8("hvs.CAESIJlS"),
          accessor: "0Ye1Qm2v",
          displayName: "token",
          policies: ["default", "dev"],
          tokenPolicies: ["default", "dev"],
          tokenType: "service",
          tokenTtlSeconds: 3600,
          tokenIssueTimeMs: Date.UTC(2030, 0, 1),
        }),
        decision: { allowed: true, grantingPolicies: ["dev"] },
      },
    );
    log.response(request, {
      data: {
        created_time: "2030-01-01T00:00:00.25Z",
        custom_metadata: null,
        deletion_time: "",
        destroyed: false,
        version: 1,
      },
    });
    const closing = log.close();
    time.advance(0);
    await closing;
    expect(disk.lines()).toEqual(vectors.lines);
  });
});
