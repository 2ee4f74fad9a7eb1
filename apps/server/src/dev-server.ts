/**
 * `strongroom server -dev`: one node over plain HTTP on loopback, initialised and open, in one thread, over a temporary
 * directory that goes when it ends. It prints the lines that scripts made for Vault's development server look for.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SharedKeys } from "@strongroom/barrier";
import {
  DEFAULT_PACE,
  localChannelPair,
  NodeWalDisk,
  openInlineWal,
  type ReplicaToWorker,
  type WorkerToReplica,
} from "@strongroom/cluster";
import { type CoreRequest, randomUuid, SYSTEM_LEASE_TTL_SECONDS } from "@strongroom/core";
import { encodeJson } from "@strongroom/logical";
import { asError, fromUtf8, MetricsRegistry, metricsText, utf8 } from "@strongroom/runtime";
import { nodeClock, nodeEntropy, nodeRandom, nodeTimers } from "@strongroom/runtime/node";
import { createLogger, type LogLevel } from "./logger.ts";
import { ReplicaHost } from "./node/replica-host.ts";
import { type NodeSettings, SettingsError } from "./node/settings.ts";
import { WorkerHost, type WorkerHostParts } from "./node/worker-host.ts";
import { WorkerTurnover } from "./node/worker-turnover.ts";
import { prepareAuditDirectory } from "./wiring/audit.ts";

export interface DevArguments {
  readonly devRootTokenId: string | undefined;
  readonly devListenAddress: string | undefined;
  readonly logLevel: LogLevel | undefined;
}

const DEFAULT_ADDRESS = "127.0.0.1:8200";
const STEP_TIMEOUT_MS = 10_000;

export async function runDevServer(args: DevArguments): Promise<number> {
  const { host, port } = loopback(args.devListenAddress ?? DEFAULT_ADDRESS);
  const dataDirectory = mkdtempSync(join(tmpdir(), "strongroom-dev-"));
  try {
    return await serve(
      settingsOf({ host, port, dataDirectory, logLevel: args.logLevel ?? "warn" }),
      args.devRootTokenId,
    );
  } finally {
    rmSync(dataDirectory, { recursive: true, force: true });
  }
}

async function serve(settings: NodeSettings, rootTokenId: string | undefined): Promise<number> {
  const logger = createLogger({ level: settings.logLevel, format: settings.logFormat, fields: {} });
  const keys = SharedKeys.create();
  const metrics = new MetricsRegistry();
  const ended = Promise.withResolvers<number>();
  // From the start on, and however often: whoever interrupts it wants the directory gone.
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => ended.resolve(0));
  const fail = (error: Error): void => {
    logger.error("the development server stops", { error });
    ended.resolve(1);
  };
  const world = { clock: nodeClock, timers: nodeTimers, entropy: nodeEntropy, logger, metrics };
  const replica = await ReplicaHost.open({
    ...world,
    settings,
    keys,
    random: nodeRandom,
    openWal: (directory, wal, events) =>
      openInlineWal(
        wal,
        { schedule: (turn) => void nodeTimers.immediate(turn) },
        { disk: new NodeWalDisk(directory), events },
      ),
    onFatal: fail,
  });
  try {
    return await serveWith({ settings, rootTokenId, world, replica, keys, ended: ended.promise, fail });
  } finally {
    await replica.close(0);
    keys.wipe();
  }
}

interface DevParts {
  readonly settings: NodeSettings;
  readonly rootTokenId: string | undefined;
  readonly world: DevWorld;
  readonly replica: ReplicaHost;
  readonly keys: SharedKeys;
  /** Resolves to the exit code. */
  readonly ended: Promise<number>;
  readonly fail: (error: Error) => void;
}

/** What the world is made of here. */
type DevWorld = Pick<WorkerHostParts, "clock" | "timers" | "entropy" | "logger"> & {
  readonly metrics: MetricsRegistry;
};

async function serveWith({ settings, rootTokenId, world, replica, keys, ended, fail }: DevParts): Promise<number> {
  const [workerEnd, replicaEnd] = localChannelPair<readonly WorkerToReplica[], readonly ReplicaToWorker[]>(nodeTimers);
  replica.attach(replicaEnd);
  prepareAuditDirectory(settings, world);
  const turnover = WorkerTurnover.create();
  const worker = await WorkerHost.open({
    ...world,
    settings,
    index: 0,
    keys,
    channel: workerEnd,
    metricsText: async () => metricsText([world.metrics.snapshot()]),
    onCertified: () => void replica.certified().catch((error: unknown) => fail(asError(error))),
    // There is no other thread to take over: a development server that was sealed is opened with its share again.
    turnover,
    restartWorkers: async () => turnover.end(),
    onFatal: fail,
    reusePort: false,
    loopbackHostsOnly: true,
    ...(rootTokenId === undefined ? {} : { firstRootToken: utf8(rootTokenId) }),
  });
  try {
    const { unsealKey, rootToken } = await initialise(worker);
    process.stdout.write(banner(settings, unsealKey, rootToken));
    const reopen = (): void => worker.reopenAuditDevices();
    process.on("SIGHUP", reopen);
    const code = await ended;
    process.off("SIGHUP", reopen);
    return code;
  } finally {
    await worker.close(0);
  }
}

async function initialise({ core }: WorkerHost): Promise<{ readonly unsealKey: string; readonly rootToken: string }> {
  const call = async (path: string, body: object, token?: string): Promise<Record<string, unknown>> => {
    const request: CoreRequest = {
      id: randomUuid(nodeEntropy),
      operation: "update",
      path,
      query: new Map(),
      body: utf8(JSON.stringify(body)),
      remoteAddress: "127.0.0.1",
      namespace: "",
      deadlineMs: nodeClock.monotonicMs() + STEP_TIMEOUT_MS,
      ...(token === undefined ? {} : { token: utf8(token) }),
    };
    const result = await core.handle(request);
    return result.kind === "plain" ? JSON.parse(fromUtf8(encodeJson(result.body))) : {};
  };
  const made = await call("sys/init", { secret_shares: 1, secret_threshold: 1 });
  const [unsealKey] = made["keys_base64"] as readonly string[];
  const rootToken = String(made["root_token"]);
  await call("sys/unseal", { key: unsealKey });
  await call(
    "sys/mounts/secret",
    { type: "kv", options: { version: "2" }, description: "key/value secret storage" },
    rootToken,
  );
  return { unsealKey: unsealKey ?? "", rootToken };
}

function settingsOf({
  host,
  port,
  dataDirectory,
  logLevel,
}: {
  host: string;
  port: number;
  dataDirectory: string;
  logLevel: LogLevel;
}): NodeSettings {
  const listener = {
    host,
    port,
    tls: undefined,
    maxRequestBytes: 32 * 1024 * 1024,
    maxRequestDurationMs: 90_000,
    readHeaderTimeoutMs: 10_000,
    readTimeoutMs: 30_000,
    idleTimeoutMs: 65_000,
    maxConnections: 10_000,
    unauthenticatedMetrics: false,
  };
  return {
    dataDirectory,
    audit: {
      directory: join(dataDirectory, "audit"),
      fsync: false,
      segmentBytes: 16 * 1024 * 1024,
      segmentAgeMs: 86_400_000,
      retentionBytes: 64 * 1024 * 1024,
      retentionAgeMs: 86_400_000,
      fileDirectories: [],
    },
    name: "dev",
    clusterName: "strongroom-dev",
    apiAddress: `http://${host}:${port}`,
    clusterAddress: "127.0.0.1:0",
    clusterListen: { host: "127.0.0.1", port: 0 },
    grpcAddress: "",
    listeners: [listener],
    grpcListeners: [],
    joinToken: undefined,
    pace: DEFAULT_PACE,
    // Its temporary directory needs no reserve.
    disk: { lowBytes: 0, reserveBytes: 0 },
    workers: 1,
    sharesPorts: false,
    logLevel,
    logFormat: "standard",
    leaseTtls: {
      defaultLeaseTtlSeconds: SYSTEM_LEASE_TTL_SECONDS,
      maxLeaseTtlSeconds: SYSTEM_LEASE_TTL_SECONDS,
    },
    caFingerprint: undefined,
  };
}

/** Whoever reaches a development server has its root token in plain text: it stays on the machine. */
function loopback(address: string): { readonly host: string; readonly port: number } {
  const match = /^(.*):(\d{1,5})$/.exec(address);
  const host = (match?.[1] ?? "").replace(/^\[|\]$/g, "");
  if (match === null || !(host === "localhost" || host === "::1" || /^127(\.\d{1,3}){3}$/.test(host))) {
    throw new SettingsError(
      `The development server listens on loopback only: give 127.0.0.1:PORT instead of ${JSON.stringify(address)}.`,
    );
  }
  return { host, port: Number(match[2]) };
}

function banner({ apiAddress }: NodeSettings, unsealKey: string, rootToken: string): string {
  return `WARNING! dev mode is enabled! This server keeps everything in a temporary directory, is open from its start, and
speaks plain HTTP. Never use it for a secret that matters.

You may need to set the following environment variables:

    $ export VAULT_ADDR='${apiAddress}'

The unseal key and root token are displayed below in case you want to
seal/unseal the server or re-authenticate.

Unseal Key: ${unsealKey}
Root Token: ${rootToken}

Development mode should NOT be used in production installations!

`;
}
