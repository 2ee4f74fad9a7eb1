/**
 * `npm run bench -- leases`: what a million leases cost a cluster that does nothing with them. Three nodes on this machine, without a
 * lease and then with all of them: from starting all three to the moment when each serves, the time without an acknowledged write
 * after `kill -9` of the leader, and memory once all is quiet. The leases are made on one node, which the others then join. A node keeps
 * and reads the end of its log, so both clusters are given a log that is as full as it gets.
 */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { LocalCluster } from "@strongroom/cli";
import { failover } from "./failover.ts";
import type { FillRequest } from "./fill-on-demand.ts";
import { benchOptions } from "./options.ts";
import { processCpuUs } from "./process-cpu.ts";

interface Figures {
  readonly leases: number;
  readonly startMs: readonly number[];
  readonly startMedianMs: number;
  /** That the three servers used until then, in milliseconds: steadier than the time where the machine has other work. */
  readonly startCpuMedianMs: number;
  readonly failoverMs: readonly number[];
  readonly failoverMedianMs: number;
  readonly lostWrites: number;
  /** Of a node, in mebibytes: all, and without what is mapped from files. */
  readonly residentMib: number;
  readonly anonymousMib: number;
}

const FILLER = new URL("./fill-on-demand.ts", import.meta.url);
const FILL_LIMIT_MS = 3_600_000;
/** More than a node keeps of its log. */
const LOG_BYTES = 96 * 1024 * 1024;
/** The leader counts leases a minute after its start; memory is read after that. */
const QUIET_MS = 90_000;

export async function leasesBench(args: readonly string[]): Promise<void> {
  const values = benchOptions(args, {
    leases: [1_000_000, "in the full cluster; the other has none"],
    starts: [5, "of each cluster"],
    kills: [10, "of each cluster's leader"],
    "base-port": [18_760, "first of the nodes' ports"],
    json: ["bench/results/leases.json", "where the figures are written"],
  });
  const { leases } = values;
  const rounds = { starts: values.starts, kills: values.kills };
  const basePort = values["base-port"];
  const figuresOf = (count: number): Promise<Figures> =>
    inCluster(basePort, async (cluster, directory) => {
      await upFilled(cluster, directory, count);
      return measure(cluster, count, rounds);
    });
  const without = await figuresOf(0);
  print(without);
  const withAll = await figuresOf(leases);
  print(withAll);
  compare(without, withAll);
  mkdirSync(join(values.json, ".."), { recursive: true });
  const machine = { cpu: cpus()[0]?.model, cores: cpus().length, node: process.version };
  writeFileSync(values.json, `${JSON.stringify({ machine, without, withAll }, undefined, 2)}\n`);
  process.stdout.write(`\nWritten to ${values.json}\n`);
}

async function inCluster<T>(
  basePort: number,
  work: (cluster: LocalCluster, directory: string) => Promise<T>,
): Promise<T> {
  const directory = mkdtempSync(join(tmpdir(), "strongroom-bench-"));
  const cluster = await LocalCluster.create({ directory, nodes: 3, basePort });
  try {
    return await work(cluster, directory);
  } finally {
    await cluster.close();
    rmSync(directory, { recursive: true, force: true });
  }
}

async function measure(
  cluster: LocalCluster,
  leases: number,
  { starts, kills }: { readonly starts: number; readonly kills: number },
): Promise<Figures> {
  const begun: Start[] = [];
  for (let i = 0; i < starts; i++) begun.push(await startAll(cluster));
  const startMs = begun.map(({ ms }) => ms);
  await cluster.waitForVoters(cluster.nodes.length);
  const { gapsMs, medianMs, lost } = await failover(cluster, kills);
  // Memory of processes that have done nothing but start.
  await startAll(cluster);
  await sleep(QUIET_MS);
  const memory = cluster.nodes.map(({ pid }) => memoryOf(pid));
  return {
    leases,
    startMs,
    startMedianMs: median(startMs),
    startCpuMedianMs: median(begun.map(({ cpuMs }) => cpuMs)),
    failoverMs: gapsMs,
    failoverMedianMs: medianMs,
    lostWrites: lost,
    residentMib: mean(memory.map(({ residentMib }) => residentMib)),
    anonymousMib: mean(memory.map(({ anonymousMib }) => anonymousMib)),
  };
}

interface Start {
  readonly ms: number;
  readonly cpuMs: number;
}

/** Stops all nodes and starts them; until each serves. */
async function startAll(cluster: LocalCluster): Promise<Start> {
  const indexes = cluster.nodes.map(({ index }) => index);
  await Promise.all(indexes.map((index) => cluster.kill(index, "SIGTERM")));
  const beganMs = performance.now();
  await Promise.all(indexes.map((index) => cluster.restart(index)));
  for (const index of indexes) await cluster.openNode(index);
  const ms = performance.now() - beganMs;
  const cpuUs = cluster.nodes.reduce((sum, { pid }) => sum + (pid === undefined ? 0 : processCpuUs(pid)), 0);
  return { ms, cpuMs: cpuUs / 1000 };
}

/** A cluster of one, of a server that can make leases; then all others, and plain servers from the next start on. */
async function upFilled(cluster: LocalCluster, directory: string, leases: number): Promise<void> {
  const file = join(directory, "fill");
  const { NODE_OPTIONS: options } = process.env;
  process.env["NODE_OPTIONS"] = `--conditions=source --import=${FILLER.href}`;
  process.env["LEASE_FILL_FILE"] = file;
  await cluster.startNode(0);
  if (options === undefined) delete process.env["NODE_OPTIONS"];
  else process.env["NODE_OPTIONS"] = options;
  delete process.env["LEASE_FILL_FILE"];
  await cluster.initialize();
  await cluster.openNode(0);
  await cluster.mountKv();
  const mount = await cluster.request(0, { method: "GET", path: "sys/mounts/secret" });
  const mountUuid = String(mount.json?.data?.["uuid"]);
  const ms = await ask(file, { mountUuid, leases, logBytes: 0 });
  process.stdout.write(`${leases} leases were made in ${(ms / 1000).toFixed(0)} s\n`);
  await cluster.joinOthers();
  for (const { index } of cluster.nodes) await cluster.openNode(index);
  await voting(cluster);
  await ask(file, { mountUuid, leases: 0, logBytes: LOG_BYTES });
}

/** How long it took. */
async function ask(file: string, request: FillRequest): Promise<number> {
  const beganMs = performance.now();
  rmSync(`${file}.done`, { force: true });
  writeFileSync(`${file}.new`, JSON.stringify(request));
  renameSync(`${file}.new`, file);
  while (!existsSync(`${file}.done`)) {
    if (performance.now() - beganMs > FILL_LIMIT_MS) throw new Error("the leases were not made within an hour");
    await sleep(200);
  }
  const said = readFileSync(`${file}.done`, "utf8");
  if (said !== "ok") throw new Error(`the leases were not made: ${said}`);
  return performance.now() - beganMs;
}

/** Until all vote; who joins takes a snapshot of everything first. */
async function voting(cluster: LocalCluster): Promise<void> {
  const endMs = performance.now() + FILL_LIMIT_MS;
  for (;;) {
    try {
      await cluster.waitForVoters(cluster.nodes.length);
      return;
    } catch (error) {
      if (performance.now() > endMs) throw error;
    }
  }
}

/** As proc(5) has it. */
function memoryOf(pid: number | undefined): { readonly residentMib: number; readonly anonymousMib: number } {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const kib = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(status)?.[1]);
  return { residentMib: kib("VmRSS") / 1024, anonymousMib: kib("RssAnon") / 1024 };
}

function print(figures: Figures): void {
  const round = (values: readonly number[]): string => values.map((value) => value.toFixed(0)).join(" ");
  process.stdout.write(
    `${figures.leases} leases\n` +
      `  start of all three to serving, ms:   median ${figures.startMedianMs.toFixed(0)}   (${round(figures.startMs)})\n` +
      `  CPU of all three until then, ms:     median ${figures.startCpuMedianMs.toFixed(0)}\n` +
      `  kill -9 of the leader, ms:           median ${figures.failoverMedianMs.toFixed(0)}   (${round(figures.failoverMs)})\n` +
      `  acknowledged writes lost:            ${figures.lostWrites}\n` +
      `  memory of a node, MiB:               ${figures.residentMib.toFixed(0)} resident, ${figures.anonymousMib.toFixed(0)} of it anonymous\n`,
  );
}

function compare(without: Figures, withAll: Figures): void {
  const times = (name: string, a: number, b: number): string => `  ${name.padEnd(24)} × ${(b / a).toFixed(2)}\n`;
  process.stdout.write(
    "with all leases against none\n" +
      times("start", without.startMedianMs, withAll.startMedianMs) +
      times("CPU of the start", without.startCpuMedianMs, withAll.startCpuMedianMs) +
      times("failover", without.failoverMedianMs, withAll.failoverMedianMs) +
      times("resident memory", without.residentMib, withAll.residentMib) +
      times("anonymous memory", without.anonymousMib, withAll.anonymousMib),
  );
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
