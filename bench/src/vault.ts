/**
 * `npm run bench -- vault --peer bao`: what applications do all day, with every access written to a file by an audit device:
 * KV reads and durable KV writes, AppRole logins, new tokens. The same load, by the same client, on Strongroom and on its
 * peer, each as three nodes over TLS on the same machine; and on a bare `node:https` server, which answers as much and does
 * nothing, as the limit. They take turns row by row, so that a minute in which the machine is slow is all of theirs.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { startBao } from "./bao.ts";
import { startBareServer } from "./bare-server.ts";
import { benchOptions, UsageError } from "./options.ts";
import { processCpuUs } from "./process-cpu.ts";
import { startStrongroom } from "./strongroom.ts";
import type { Subject } from "./subject.ts";
import { kvBody, type LoadResult, type Recipe, requireWrk, wrkRecipe } from "./wrk.ts";

interface Row extends LoadResult {
  readonly subject: string;
  readonly work: string;
  readonly clients: number;
  /** CPU of all servers over the run, per request. */
  readonly serverCpuUs: number;
}

/** Who takes a turn at a work. */
interface Entrant {
  readonly subject: Subject;
  readonly work: string;
  readonly recipe: Recipe;
}

const CLIENTS = [1, 16, 64];
const KV = "/v1/secret/data/bench/%d";
/** Writes first: they make what is read. */
const WORKS = ["KV write", "KV read", "AppRole login", "token create"] as const;
/** Of a server without a compiler, for its caches. */
const PEER_WARM_UP_SECONDS = 3;

export async function vaultBench(args: readonly string[]): Promise<void> {
  const values = benchOptions(args, {
    peer: ["bao", "what runs beside: bao, or none"],
    seconds: [8, "of load for each row"],
    "warm-up": [60, "seconds of writes before; a quarter of it of each other work"],
    "base-port": [18_400, "first of the nodes' ports"],
    json: ["bench/results/vault.json", "where the figures are written"],
  });
  if (values.peer !== "bao" && values.peer !== "none") throw new UsageError("--peer is bao or none");
  requireWrk();
  const directory = mkdtempSync(join(tmpdir(), "strongroom-bench-"));
  const port = values["base-port"];
  const rows: Row[] = [];
  const open: Subject[] = [];
  const started = async (starting: Promise<Subject>): Promise<Subject> => {
    const subject = await starting;
    open.push(subject);
    return subject;
  };
  const contest = async (entrants: readonly Entrant[], warmUp: number): Promise<void> => {
    for (const { subject, recipe } of entrants) {
      const seconds = subject.name === "strongroom" ? warmUp : PEER_WARM_UP_SECONDS;
      await wrkRecipe({ targets: subject.targets, clients: 32, seconds, recipe });
    }
    for (const clients of CLIENTS) {
      for (const entrant of entrants) rows.push(await run(entrant, clients, values.seconds));
    }
  };
  process.stdout.write(`${header()}\n`);
  try {
    const bare = await started(startBareServer({ directory, port: port + 90 }));
    const peers = [await started(startStrongroom({ directory: join(directory, "strongroom"), basePort: port }))];
    if (values.peer === "bao") {
      peers.push(await started(startBao({ directory: join(directory, "bao"), basePort: port + 40 })));
    }
    for (const [i, work] of WORKS.entries()) {
      const entrants = peers.map((subject) => ({ subject, work, recipe: recipeOf(work, subject) }));
      const limit = { subject: bare, work: "bare https", recipe: { method: "GET", path: KV } } as const;
      // The first minute of a fresh process is its compiler's.
      const warmUp = i === 0 ? values["warm-up"] : Math.round(values["warm-up"] / 4);
      await contest(work === "KV read" ? [limit, ...entrants] : entrants, warmUp);
    }
    process.stdout.write(`\n${comparison(rows)}`);
    mkdirSync(join(values.json, ".."), { recursive: true });
    const machine = { cpu: cpus()[0]?.model, cores: cpus().length, node: process.version };
    writeFileSync(values.json, `${JSON.stringify({ machine, rows }, undefined, 2)}\n`);
    process.stdout.write(`\nWritten to ${values.json}\n`);
  } finally {
    await Promise.all(open.map((subject) => subject.close()));
    rmSync(directory, { recursive: true, force: true });
  }
}

function recipeOf(work: (typeof WORKS)[number], { token, roleId, secretId }: Subject): Recipe {
  switch (work) {
    case "KV write":
      return { method: "POST", path: KV, body: kvBody(), token };
    case "KV read":
      return { method: "GET", path: KV, token };
    case "AppRole login": {
      const body = JSON.stringify({ role_id: roleId, secret_id: secretId });
      return { method: "POST", path: "/v1/auth/approle/login", body };
    }
    case "token create":
      return { method: "POST", path: "/v1/auth/token/create", body: '{"ttl":"1h"}', token };
  }
}

async function run({ subject, work, recipe }: Entrant, clients: number, seconds: number): Promise<Row> {
  const cpu = (): number => subject.pids().reduce((sum, pid) => sum + processCpuUs(pid), 0);
  const before = cpu();
  const result = await wrkRecipe({ targets: subject.targets, clients, seconds, recipe });
  const serverCpuUs = (cpu() - before) / Math.max(1, result.perSecond * seconds);
  const row = { subject: subject.name, work, clients, ...result, serverCpuUs };
  process.stdout.write(`${line(row)}\n`);
  return row;
}

function header(): string {
  return "server      work           clients   per second      p50 ms      p99 ms  server µs/request  failures";
}

function line({ subject, work, clients, perSecond, p50Ms, p99Ms, serverCpuUs, failures }: Row): string {
  const numbers = [perSecond.toFixed(0).padStart(12), p50Ms.toFixed(2).padStart(11), p99Ms.toFixed(2).padStart(11)];
  return `${subject.padEnd(11)} ${work.padEnd(14)} ${String(clients).padStart(7)} ${numbers.join(" ")} ${serverCpuUs.toFixed(0).padStart(18)} ${String(failures).padStart(9)}`;
}

/** By work and clients: how many times the peer's throughput, and how many times its work per server core-second. */
function comparison(rows: readonly Row[]): string {
  const of = (subject: string, work: string, clients: number): Row | undefined =>
    rows.find((row) => row.subject === subject && row.work === work && row.clients === clients);
  const lines = rows
    .filter(({ subject }) => subject === "strongroom")
    .flatMap((own) => {
      const peer = of("openbao", own.work, own.clients);
      if (peer === undefined) return [];
      const speed = (own.perSecond / peer.perSecond).toFixed(1);
      const work = (peer.serverCpuUs / own.serverCpuUs).toFixed(1);
      return [
        `${own.work.padEnd(14)} ${String(own.clients).padStart(7)} ${`${speed}×`.padStart(14)} ${`${work}×`.padStart(28)}`,
      ];
    });
  const bare = of("bare", "bare https", 64);
  const read = of("strongroom", "KV read", 64);
  const above =
    bare === undefined || read === undefined
      ? ""
      : `\nan audited read costs the servers ${(read.serverCpuUs - bare.serverCpuUs).toFixed(0)} µs above a bare https answer (64 clients)\n`;
  if (lines.length === 0) return above;
  return `work           clients     throughput   work a server core-second\n${lines.join("\n")}\n${above}`;
}
