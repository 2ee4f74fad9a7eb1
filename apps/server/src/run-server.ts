/** `strongroom server`: reads the configuration, starts the node, and stays until it is told to stop. */
import { writeFileSync } from "node:fs";
import type { Logger } from "@strongroom/runtime";
import { nodeClock, nodeEntropy, nodeTimers } from "@strongroom/runtime/node";
import { parseServerConfigs, readConfigFiles, type ServerConfig } from "./config/index.ts";
import { runDevServer } from "./dev-server.ts";
import { createLogger, type LogLevel } from "./logger.ts";
import { type NodeSettings, resolveSettings, SettingsError } from "./node/settings.ts";
import { Supervisor } from "./node/supervisor.ts";
import { VERSION } from "./version.ts";

export interface ServerArguments {
  readonly configFiles: readonly string[];
  readonly joinToken: string | undefined;
  readonly dev: boolean;
  readonly devRootTokenId: string | undefined;
  readonly devListenAddress: string | undefined;
  readonly logLevel: string | undefined;
}

const LEVELS: readonly LogLevel[] = ["debug", "info", "warn", "error"];

/** Returns the process's exit code once the node has ended. Throws a typed error when it cannot start. */
export async function runServer(args: ServerArguments): Promise<number> {
  // LevelDB creates files as 0644 unless the mask, which is the whole process's, says otherwise: before any thread starts.
  process.umask(0o077);
  const logLevel = args.logLevel === undefined ? undefined : levelOf(args.logLevel);
  if (args.dev) return runDevServer({ ...args, logLevel });
  const config = readConfig(args.configFiles);
  const settings = resolveSettings(
    config,
    { joinToken: args.joinToken, logLevel },
    { clock: nodeClock, entropy: nodeEntropy },
  );
  const logger = createLogger({
    level: settings.logLevel,
    format: settings.logFormat,
    fields: { node: settings.name, thread: "main" },
  });
  for (const warning of config.warnings) logger.warn(warning);
  refuseInspector();
  const ended = Promise.withResolvers<number>();
  const supervisor = await Supervisor.start(settings, {
    clock: nodeClock,
    timers: nodeTimers,
    entropy: nodeEntropy,
    logger,
    onFatal: (error) => {
      logger.error("this node stops", { error });
      ended.resolve(1);
    },
  });
  if (config.pidFile !== undefined) writeFileSync(config.pidFile, `${process.pid}\n`);
  process.stdout.write(banner(settings));
  stopOnSignals(ended, logger);
  process.on("SIGHUP", () => {
    logger.info("audit devices are reopened");
    supervisor.reopenAuditDevices();
  });
  const code = await ended.promise;
  await supervisor.close();
  return code;
}

function readConfig(files: readonly string[]): ServerConfig {
  if (files.length === 0) {
    throw new SettingsError(
      "Say which configuration to use with -config=FILE, or start a development server with -dev.",
    );
  }
  return parseServerConfigs(readConfigFiles(files));
}

function levelOf(text: string): LogLevel {
  const level = LEVELS.find((known) => known === text.toLowerCase());
  if (level === undefined) throw new SettingsError(`Unknown log level "${text}": it is one of ${LEVELS.join(", ")}.`);
  return level;
}

/** A debugger reads every key. */
function refuseInspector(): void {
  if (/--inspect/.test(process.env["NODE_OPTIONS"] ?? "")) {
    throw new SettingsError(
      "NODE_OPTIONS asks for a debugger, which could read every key; start the server without it.",
    );
  }
}

function banner(settings: NodeSettings): string {
  const lines: (readonly [string, string])[] = [
    ["Api Address", settings.apiAddress],
    ["Cluster Address", settings.clusterAddress],
    ...settings.listeners.map(
      ({ host, port, tls }, i) =>
        [
          `Listener ${i + 1}`,
          `tcp (addr: "${host}:${port}", tls: "${tls === undefined ? "disabled" : "enabled"}")`,
        ] as const,
    ),
    ...settings.grpcListeners.map(
      ({ host, port, tls }) =>
        [
          "gRPC Listener",
          `tcp (addr: "${host}:${port}", tls: "${tls === undefined ? "disabled" : "enabled"}")`,
        ] as const,
    ),
    ["Storage", `raft (${settings.dataDirectory})`],
    ...(settings.caFingerprint === undefined ? [] : [["CA Fingerprint", settings.caFingerprint] as const]),
    ["Version", `Strongroom v${VERSION}`],
  ];
  const width = Math.max(...lines.map(([name]) => name.length));
  return `==> Strongroom server configuration:\n\n${lines.map(([name, value]) => `${name.padStart(width + 13)}: ${value}`).join("\n")}\n\n==> Strongroom server started! Log data will stream in below:\n\n`;
}

/**
 * One signal may come several times, from a terminal and from a launcher that hands it on; the second one must not end the
 * process before it has handed leadership over.
 */
function stopOnSignals(ended: PromiseWithResolvers<number>, logger: Logger): void {
  let stopping = false;
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.on(signal, () => {
      if (!stopping) logger.info("stopping", { signal });
      stopping = true;
      ended.resolve(0);
    });
  }
}
