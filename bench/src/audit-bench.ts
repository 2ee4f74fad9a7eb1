/**
 * What the audit of a request costs in CPU: the two records of a KV read and of a KV write, made, chained and written to a
 * real file, 32 requests a turn, as a busy worker does. Measured as CPU time of this process, so that a busy machine shifts
 * it little.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { AuditLog, type AuditRequest, AuditSalt, NodeAuditDisk } from "@strongroom/audit";
import { RawJson } from "@strongroom/logical";
import { MetricsRegistry, SecretBytes, silentLogger, utf8 } from "@strongroom/runtime";
import { nodeClock, nodeEntropy, nodeTimers } from "@strongroom/runtime/node";
import { benchOptions } from "./options.ts";

const REQUESTS_A_TURN = 32;
const TURNS = 1_500;
const ROUNDS = 5;

interface Figure {
  readonly operation: string;
  readonly cpuUsARequest: number;
  readonly bytesARequest: number;
}

export async function auditBench(args: readonly string[]): Promise<void> {
  const values = benchOptions(args, {
    json: ["bench/results/audit.json", "where the figures are written"],
  });
  const figures: Figure[] = [];
  for (const operation of ["read", "create"] as const) {
    const rounds: Figure[] = [];
    for (let i = 0; i < ROUNDS; i++) rounds.push(await measure(operation));
    figures.push(rounds.reduce((best, one) => (one.cpuUsARequest < best.cpuUsARequest ? one : best)));
  }
  process.stdout.write("operation   CPU µs/request   bytes/request\n");
  for (const { operation, cpuUsARequest, bytesARequest } of figures) {
    process.stdout.write(
      `${operation.padEnd(9)}   ${cpuUsARequest.toFixed(1).padStart(14)}   ${String(bytesARequest).padStart(13)}\n`,
    );
  }
  const machine = { node: process.version, cpu: cpus()[0]?.model, cores: cpus().length };
  mkdirSync(dirname(values.json), { recursive: true });
  writeFileSync(values.json, `${JSON.stringify({ machine, figures }, undefined, 2)}\n`);
}

async function measure(operation: "read" | "create"): Promise<Figure> {
  const directory = mkdtempSync(join(tmpdir(), "strongroom-audit-bench-"));
  const disk = new NodeAuditDisk(directory);
  const salt = new AuditSalt({ sealed: false, auditKey: () => new SecretBytes(nodeEntropy.bytes(32)) });
  const log = new AuditLog(
    { node: "bench", worker: "worker-0" },
    {
      disk,
      salt,
      clock: nodeClock,
      timers: nodeTimers,
      entropy: nodeEntropy,
      logger: silentLogger,
      metrics: new MetricsRegistry(),
    },
  );
  try {
    const turn = requests(log, operation);
    for (let i = 0; i < TURNS / 5; i++) await turn();
    const before = process.cpuUsage();
    for (let i = 0; i < TURNS; i++) await turn();
    const { user, system } = process.cpuUsage(before);
    const bytes = disk.list().reduce((sum, name) => sum + (disk.stat(name)?.bytes ?? 0), 0);
    const count = TURNS * REQUESTS_A_TURN;
    return {
      operation,
      cpuUsARequest: (user + system) / count,
      bytesARequest: Math.round(bytes / (1.2 * count)),
    };
  } finally {
    await log.close();
    rmSync(directory, { recursive: true });
  }
}

/** One turn of requests by one token on one mount, each with a secret of 512 bytes. */
function requests(log: AuditLog, operation: "read" | "create"): () => Promise<void> {
  const caller = {};
  const auth = () => ({
    clientToken: utf8("hvs.CAESIJlSbench"),
    accessor: "0Ye1Qm2vbench",
    displayName: "token",
    policies: ["default", "app"],
    tokenPolicies: ["default", "app"],
    tokenType: "service",
    tokenTtlSeconds: 3600,
    tokenIssueTimeMs: Date.UTC(2030, 0, 1),
  });
  const decision = { allowed: true, grantingPolicies: ["app"] };
  const mount = {
    point: "secret/",
    type: "kv",
    accessor: "kv_1f2e3d4c",
    runningVersion: "v0.1.0+builtin",
    class: "secret",
    clearRequestKeys: new Set<string>(),
    clearResponseKeys: new Set<string>(),
  } as const;
  const body = utf8(`{"data":{"value":"${"v".repeat(512)}"}}`);
  const metadata = {
    created_time: "2030-01-01T00:00:00.25Z",
    custom_metadata: null,
    deletion_time: "",
    destroyed: false,
    version: 1,
  };
  const answer =
    operation === "read"
      ? { data: { data: new RawJson(utf8(`{"value":"${"v".repeat(512)}"}`)), metadata } }
      : { data: metadata };
  let next = 0;
  return async () => {
    for (let i = 0; i < REQUESTS_A_TURN; i++) {
      const request: AuditRequest = {
        id: `6f1c1b0a-2a53-4a3e-9b0f-${String(next).padStart(12, "0")}`,
        operation,
        path: `secret/data/bench/${next++ % 1000}`,
        namespace: "",
        remoteAddress: "127.0.0.1",
        remotePort: 51_234,
        mount,
        ...(operation === "create" ? { body } : {}),
      };
      log.response(log.request(request, { caller, auth, decision }), answer);
    }
    await log.recorded();
  };
}
