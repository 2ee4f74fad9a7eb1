/**
 * `npm run bench -- raft`: what consensus costs, layer by layer: the core alone; with a log on disk; over TLS on loopback; and three whole
 * replicas with state machine, signatures and worker. One process, with the threads that servers have, and fsync on wherever
 * there is a disk. Entries of 256 bytes, with one and with 256 in flight.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { cpus, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { createWal, NodeIdentity, NodeWalDisk, openThreadWal, TlsPeerTransport } from "@strongroom/cluster";
import { EMPTY_CONF_STATE, toIndex, toTerm } from "@strongroom/raft";
import { silentLogger } from "@strongroom/runtime";
import { nodeClock, nodeRandom, nodeTimers } from "@strongroom/runtime/node";
import { type DiskLog, startDiskLog } from "./raft/disk-log.ts";
import { Group, type MemberParts } from "./raft/group.ts";
import { certifyNodes } from "./raft/identities.ts";
import type { LoadFigures, Measured } from "./raft/load.ts";
import { Replicas } from "./raft/replicas.ts";

const LAYERS = ["core", "core + log", "core + log + TLS", "three replicas"] as const;
type Layer = (typeof LAYERS)[number];

interface Row extends LoadFigures {
  readonly layer: Layer;
  readonly inFlight: number;
  /** Of the leader's log. */
  readonly entriesPerFsync: number | undefined;
  /** Runnable processes on this machine, over the last minute, when it was measured. */
  readonly load: number;
}

interface Run {
  readonly inFlight: number;
  readonly bytes: number;
  readonly seconds: number;
  readonly warmUpSeconds: number;
  readonly basePort: number;
}

const ENTRY_BYTES = 256;
const IN_FLIGHT = [1, 256];

export async function raftBench(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seconds: { type: "string", default: "8" },
      "warm-up": { type: "string", default: "6" },
      "base-port": { type: "string", default: "18900" },
      json: { type: "string", default: "bench/results/raft.json" },
    },
  });
  // LevelDB's files are the owner's, as a server has them.
  process.umask(0o077);
  process.stdout.write(
    "layer              in flight  entries/s    p50 ms    p99 ms  entries/fsync  CPU µs/entry  load\n",
  );
  const rows: Row[] = [];
  for (const layer of LAYERS) {
    for (const inFlight of IN_FLIGHT) {
      const run = {
        inFlight,
        bytes: ENTRY_BYTES,
        seconds: Number(values.seconds),
        warmUpSeconds: Number(values["warm-up"]),
        basePort: Number(values["base-port"]),
      };
      const row = await inDirectory((directory) => measure(layer, run, directory));
      rows.push(row);
      process.stdout.write(`${line(row)}\n`);
    }
  }
  mkdirSync(join(values.json, ".."), { recursive: true });
  const machine = { cpu: cpus()[0]?.model, cores: cpus().length, node: process.version };
  writeFileSync(values.json, `${JSON.stringify({ machine, entryBytes: ENTRY_BYTES, rows }, undefined, 2)}\n`);
  process.stdout.write(`\nWritten to ${values.json}\n`);
}

async function inDirectory<T>(use: (directory: string) => Promise<T>): Promise<T> {
  const directory = mkdtempSync(join(tmpdir(), "strongroom-bench-"));
  try {
    return await use(directory);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

async function measure(layer: Layer, run: Run, directory: string): Promise<Row> {
  const measured = layer === "three replicas" ? await replicas(run, directory) : await group(layer, run, directory);
  const { figures, entries, before, after } = measured;
  const syncs = after - before;
  return {
    layer,
    inFlight: run.inFlight,
    ...figures,
    entriesPerFsync: syncs === 0 ? undefined : entries / syncs,
    load: loadavg()[0] ?? 0,
  };
}

async function replicas(run: Run, directory: string): Promise<Measured<number>> {
  const running = await Replicas.start(directory, run.basePort);
  try {
    await running.load(run);
    return await running.clock.measure(run, () => running.syncs());
  } finally {
    await running.stop();
  }
}

async function group(layer: Layer, run: Run, directory: string): Promise<Measured<number>> {
  const { nodes } = certifyNodes(directory, run.basePort);
  const voters = nodes.map(({ id }) => id);
  const logs: DiskLog[] = [];
  const transports: TlsPeerTransport[] = [];
  const parts: MemberParts[] = nodes.map((node) => ({
    id: node.id,
    voters,
    ...(layer === "core" ? {} : { openLog: openLog(join(node.directory, "wal"), node.id, voters, logs) }),
    ...(layer === "core + log + TLS" ? { transport: openTransport(node.address, transports) } : {}),
  }));
  const members = new Group(parts, run);
  try {
    for (const [i, transport] of transports.entries())
      await transport.start(NodeIdentity.open(nodes[i]?.directory ?? ""));
    const peers = nodes.map(({ id, address }) => ({ id, address: `${address.host}:${address.port}` }));
    for (const transport of transports) transport.setPeers(peers);
    await members.lead();
    return await members.clock.measure(run, () => logs[0]?.syncs() ?? 0);
  } finally {
    await members.stop();
    for (const transport of transports) await transport.close();
    for (const log of logs) await log.close();
  }
}

function openLog(
  directory: string,
  nodeId: MemberParts["id"],
  voters: MemberParts["voters"],
  logs: DiskLog[],
): MemberParts["openLog"] {
  const metadata = { index: toIndex(1), term: toTerm(1), confState: { ...EMPTY_CONF_STATE, voters } };
  const installed = { metadata, generation: "none" };
  const contents = createWal(new NodeWalDisk(directory), { nodeId, clusterId: new Uint8Array(0) }, { installed });
  return (onSynced) => {
    const log = startDiskLog(directory);
    logs.push(log);
    const onFatal = (error: Error): void => {
      throw error;
    };
    return openThreadWal(
      contents,
      { schedule: (turn) => void nodeTimers.immediate(turn) },
      { port: log.port, events: { onSynced, onFatal } },
    );
  };
}

function openTransport(
  listen: { readonly host: string; readonly port: number },
  transports: TlsPeerTransport[],
): TlsPeerTransport {
  const world = { clock: nodeClock, timers: nodeTimers, random: nodeRandom, logger: silentLogger };
  const transport = new TlsPeerTransport({ listen }, world);
  transports.push(transport);
  return transport;
}

function line({ layer, inFlight, perSecond, p50Ms, p99Ms, entriesPerFsync, cpuUs, load }: Row): string {
  const cells = [
    layer.padEnd(18),
    String(inFlight).padStart(9),
    perSecond.toFixed(0).padStart(10),
    p50Ms.toFixed(3).padStart(9),
    p99Ms.toFixed(2).padStart(9),
    (entriesPerFsync?.toFixed(1) ?? "-").padStart(14),
    cpuUs.toFixed(1).padStart(13),
    load.toFixed(0).padStart(5),
  ];
  return cells.join(" ");
}
