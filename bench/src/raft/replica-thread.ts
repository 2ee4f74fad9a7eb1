/** A whole replica as a server has it: driver, state machine on LevelDB, log on its own thread, peers over TLS. */
import { join } from "node:path";
import { type MessagePort, parentPort, workerData } from "node:worker_threads";
import { SharedCommandAuthenticator, SharedKeys } from "@strongroom/barrier";
import {
  BOOTSTRAP_INDEX,
  bootstrapRows,
  createWal,
  DEFAULT_FLUSH_EVERY_BYTES,
  DEFAULT_PACE,
  DEFAULT_SCRUB,
  DEFAULT_TAIL_LIMITS,
  DISK_INTERVAL_MS,
  FileIncarnations,
  Generations,
  INITIAL_GENERATION,
  NodeDiskSpace,
  NodeIdentity,
  NodeWalDisk,
  openThreadWal,
  portChannel,
  ReplicaShell,
  SUPPORTED_VERSION,
  TlsPeerTransport,
  timingsFor,
  type WalPort,
} from "@strongroom/cluster";
import { EMPTY_CONF_STATE, toIndex, toTerm } from "@strongroom/raft";
import { MetricsRegistry, present, silentLogger } from "@strongroom/runtime";
import { nodeClock, nodeRandom, nodeTimers } from "@strongroom/runtime/node";
import type { CertifiedNode } from "./identities.ts";

export interface ReplicaThreadData {
  readonly node: CertifiedNode;
  readonly nodes: readonly CertifiedNode[];
  readonly keysBuffer: SharedArrayBuffer;
  readonly walPort: WalPort;
}

const { node, nodes, keysBuffer, walPort } = workerData as ReplicaThreadData;
const main = present(parentPort, "this file is run as a thread");
const { id, directory, address } = node;
const world = { clock: nodeClock, timers: nodeTimers, random: nodeRandom, logger: silentLogger };
const onFatal = (error: Error): void => {
  throw error;
};

const generations = await Generations.open(directory);
const confState = { ...EMPTY_CONF_STATE, voters: nodes.map((one) => one.id) };
const first = await generations.open(INITIAL_GENERATION);
await first.write(bootstrapRows(confState).map((row) => ({ type: "put", ...row })));
await first.flush();
await first.close();
const metadata = { index: toIndex(BOOTSTRAP_INDEX), term: toTerm(1), confState };
const wal = createWal(
  new NodeWalDisk(join(directory, "wal")),
  { nodeId: id, clusterId: new Uint8Array(0) },
  { installed: { metadata, generation: INITIAL_GENERATION } },
);
const identity = NodeIdentity.open(directory);
const transport = new TlsPeerTransport({ listen: address }, world);
const authenticator = new SharedCommandAuthenticator(SharedKeys.attach(keysBuffer));
const shell = await ReplicaShell.open(
  {
    id,
    clusterId: () => identity.membership?.clusterId,
    clusterAddress: `${address.host}:${address.port}`,
    ...timingsFor(DEFAULT_PACE),
    tailLimits: DEFAULT_TAIL_LIMITS,
    flushEveryBytes: DEFAULT_FLUSH_EVERY_BYTES,
    seeds: nodes.map((one) => ({ id: one.id, address: `${one.address.host}:${one.address.port}` })),
    supportedVersion: SUPPORTED_VERSION,
    scrub: DEFAULT_SCRUB,
    disk: { lowBytes: 0, reserveBytes: 0, intervalMs: DISK_INTERVAL_MS },
  },
  {
    ...world,
    metrics: new MetricsRegistry(),
    wal,
    openWal: (contents, events) => openThreadWal(contents, { schedule: queueMicrotask }, { port: walPort, events }),
    generations,
    transport,
    authenticator,
    snapshotAuthenticator: { verify: (...args) => authenticator.verify(...args, "snapshot") },
    incarnations: FileIncarnations.open(directory),
    diskSpace: new NodeDiskSpace(directory),
    onFatal,
  },
);
await transport.start(identity);
main.on("message", (port: MessagePort | "close") => {
  if (port === "close") void shell.close().then(() => main.postMessage("closed"));
  else shell.attach(portChannel(port)).catch(onFatal);
});
main.postMessage("ready");
