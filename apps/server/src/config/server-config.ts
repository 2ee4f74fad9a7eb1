/**
 * The configuration of a server, with Vault's names. What Vault's file can say and this server has no use for is ignored with
 * a warning; what neither knows stops the start.
 */

import { isAbsolute } from "node:path";
import { DEFAULT_DISK, DEFAULT_PACE } from "@strongroom/cluster";
import type { HclObject, Position } from "@strongroom/core/hcl";
import { ConfigError, parseConfigSource } from "./config-error.ts";
import { ObjectReader } from "./reader.ts";

interface TlsConfig {
  readonly certFile: string;
  readonly keyFile: string;
  readonly minVersion: "TLSv1.2" | "TLSv1.3";
  /** Client certificates are asked for, and required when `requireClientCert`. */
  readonly clientCaFile: string | undefined;
  readonly requireClientCert: boolean;
}

export interface ListenerConfig {
  readonly host: string;
  readonly port: number;
  /** `"disabled"` is plain text; `"generated"` is a certificate of the CA that the node makes at its first start. */
  readonly tls: TlsConfig | "disabled" | "generated";
  /** The cluster port's `host:port`, where the listener names one. */
  readonly clusterAddress: string | undefined;
  readonly maxRequestBytes: number;
  readonly maxRequestDurationMs: number;
  readonly readHeaderTimeoutMs: number;
  readonly readTimeoutMs: number;
  readonly idleTimeoutMs: number;
  readonly maxConnections: number;
  readonly unauthenticatedMetrics: boolean;
}

interface AuditConfig {
  /** Undefined: `audit` in the data directory. */
  readonly path: string | undefined;
  readonly fsync: boolean;
  readonly segmentBytes: number;
  readonly segmentAgeMs: number;
  readonly retentionBytes: number;
  readonly retentionAgeMs: number;
  /** Where audit devices may have files; empty: anywhere but in the system's directories and the node's own. */
  readonly fileDirectories: readonly string[];
}

interface RaftStorageConfig {
  readonly path: string;
  /** A name for people; the numeric id is drawn. */
  readonly nodeName: string | undefined;
  /** Bytes of one value; Vault's `max_entry_size`. */
  readonly maxEntryBytes: number;
  /** Between a leader's heartbeats. */
  readonly heartbeatMs: number;
  /** Silence of a leader after which others stand for election, after twice that at the latest. */
  readonly electionMs: number;
  /** Free bytes on the file system below which the disk counts as nearly full. */
  readonly minFreeBytes: number;
}

export interface ServerConfig {
  readonly storage: RaftStorageConfig;
  readonly audit: AuditConfig;
  readonly listeners: readonly ListenerConfig[];
  readonly grpcListeners: readonly ListenerConfig[];
  readonly seal: { readonly type: "shamir" };
  /** The URL at which other nodes and clients find this node's API. */
  readonly apiAddress: string | undefined;
  /** `host:port` or `https://host:port` of the cluster port, as others reach it. */
  readonly clusterAddress: string | undefined;
  readonly clusterName: string | undefined;
  /** A join token: with it, an empty data directory joins that cluster and refuses init. */
  readonly join: string | undefined;
  /** Request workers; undefined: as many as there are cores. */
  readonly workers: number | undefined;
  readonly logLevel: "debug" | "info" | "warn" | "error";
  readonly logFormat: "standard" | "json";
  readonly pidFile: string | undefined;
  readonly ui: boolean;
  readonly defaultLeaseTtlSeconds: number;
  readonly maxLeaseTtlSeconds: number;
  /** Sentences for the operator, with the places in the file. */
  readonly warnings: readonly string[];
}

const MIB = 1024 * 1024;
const MIN_FREE_BYTES_MAX = 2 ** 50;
const HOUR_MS = 3_600_000;
/** Of timers and of a thread that has other work too. */
const HEARTBEAT_MS_MIN = 10;
const ELECTION_MS_MAX = 60_000;
/** One lost heartbeat, or a late one, is no reason for an election. */
const HEARTBEATS_AN_ELECTION_MIN = 4;
const VAULT_LEASE_TTL_SECONDS = 768 * 3600;

/** Reads HCL or JSON. Throws `ConfigError`, whose message begins with line and column. */
export function parseServerConfig(source: string): ServerConfig {
  return serverConfigOf([parseConfigSource(source)]);
}

/** Several files make one configuration, as Vault's repeated `-config`: blocks add up, a key may stand in one of them. */
export function parseServerConfigs(
  sources: readonly { readonly name: string; readonly source: string }[],
): ServerConfig {
  const trees = sources.map(({ name, source }) => {
    try {
      return parseConfigSource(source);
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      throw new ConfigError(`${name}: ${error.message}`);
    }
  });
  try {
    return serverConfigOf(trees);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const at = sources.length === 1 ? 0 : trees.findIndex((tree) => error.at !== undefined && holds(tree, error.at));
    const name = sources[at]?.name;
    throw name === undefined ? error : new ConfigError(`${name}: ${error.message}`);
  }
}

/** Whether `at` is the very position of something within `node`. */
function holds(node: unknown, at: Position): boolean {
  if (node === at) return true;
  return typeof node === "object" && node !== null && Object.values(node).some((inner) => holds(inner, at));
}

function serverConfigOf(trees: readonly HclObject[]): ServerConfig {
  const warnings: string[] = [];
  const object: HclObject = {
    kind: "object",
    entries: trees.flatMap((tree) => tree.entries),
    at: { line: 1, column: 1 },
  };
  const reader = new ObjectReader(object, "the configuration", warnings);
  const listeners = readListeners(reader, "listener", 8200, warnings);
  const config: ServerConfig = {
    storage: readStorage(reader, warnings),
    audit: readAudit(reader, warnings),
    listeners,
    grpcListeners: readListeners(reader, "grpc_listener", 8202, warnings),
    seal: readSeal(reader, warnings),
    apiAddress: readUrl(reader, "api_addr"),
    clusterAddress: reader.string("cluster_addr") ?? listeners[0]?.clusterAddress,
    clusterName: reader.string("cluster_name"),
    join: reader.string("join"),
    workers: reader.integer("workers", 1, 256),
    logLevel: readLogLevel(reader),
    logFormat: readChoice(reader, "log_format", ["standard", "json"]) ?? "standard",
    pidFile: reader.string("pid_file"),
    ui: reader.boolean("ui") ?? false,
    defaultLeaseTtlSeconds: seconds(reader.durationMs("default_lease_ttl")) ?? VAULT_LEASE_TTL_SECONDS,
    maxLeaseTtlSeconds: seconds(reader.durationMs("max_lease_ttl")) ?? VAULT_LEASE_TTL_SECONDS,
    warnings,
  };
  ignoreRest(reader);
  reader.finish();
  if (config.listeners.length === 0) throw new ConfigError('the configuration needs a listener "tcp" { … }');
  if (config.defaultLeaseTtlSeconds > config.maxLeaseTtlSeconds) {
    throw new ConfigError("default_lease_ttl is longer than max_lease_ttl");
  }
  return config;
}

function readStorage(reader: ObjectReader, warnings: string[]): RaftStorageConfig {
  const blocks = reader.blocks("storage");
  const [block, second] = blocks;
  if (block === undefined) throw new ConfigError('the configuration needs storage "raft" { path = "…" }');
  if (second !== undefined) throw new ConfigError("there can be only one storage", second.at);
  if (block.label !== "raft") {
    throw new ConfigError(`storage ${JSON.stringify(block.label)} is not known; the only one is "raft"`, block.at);
  }
  const storage = new ObjectReader(block.body, 'storage "raft"', warnings);
  const path = storage.string("path");
  if (path === undefined || path === "") throw new ConfigError('storage "raft" needs a path', block.at);
  const config: RaftStorageConfig = {
    path,
    nodeName: storage.string("node_id"),
    maxEntryBytes: storage.integer("max_entry_size", 1024, MIB) ?? MIB,
    heartbeatMs: storage.durationMs("heartbeat_interval") ?? DEFAULT_PACE.heartbeatMs,
    electionMs: storage.durationMs("election_timeout") ?? DEFAULT_PACE.electionMs,
    minFreeBytes: storage.integer("min_free_bytes", 0, MIN_FREE_BYTES_MAX) ?? DEFAULT_DISK.lowBytes,
  };
  requirePace(config, block.at);
  storage.ignore([
    "performance_multiplier",
    "trailing_logs",
    "snapshot_threshold",
    "snapshot_interval",
    "max_transaction_size",
    "autopilot_reconcile_interval",
    "autopilot_update_interval",
    "retry_join_as_non_voter",
  ]);
  const [retryJoin] = storage.sections("retry_join");
  if (retryJoin !== undefined) {
    throw new ConfigError(
      'retry_join is not supported: make a join token on a running node and set join = "…" at the top level',
      retryJoin.at,
    );
  }
  storage.finish();
  return config;
}

function requirePace({ heartbeatMs, electionMs }: RaftStorageConfig, at: Position): void {
  if (heartbeatMs < HEARTBEAT_MS_MIN)
    throw new ConfigError(`heartbeat_interval must be at least ${HEARTBEAT_MS_MIN}ms`, at);
  if (electionMs < HEARTBEATS_AN_ELECTION_MIN * heartbeatMs)
    throw new ConfigError(
      `election_timeout (${electionMs}ms) must be at least ${HEARTBEATS_AN_ELECTION_MIN} times heartbeat_interval (${heartbeatMs}ms)`,
      at,
    );
  if (electionMs > ELECTION_MS_MAX)
    throw new ConfigError(`election_timeout must be at most ${ELECTION_MS_MAX / 1000}s`, at);
}

function readAudit(reader: ObjectReader, warnings: string[]): AuditConfig {
  const [section, second] = reader.sections("audit_stream");
  if (second !== undefined) throw new ConfigError("there can be only one audit_stream", second.at);
  const empty: HclObject = { kind: "object", entries: [], at: { line: 1, column: 1 } };
  const audit = new ObjectReader(section ?? empty, "audit_stream", warnings);
  const config: AuditConfig = {
    path: audit.string("path"),
    fsync: audit.boolean("fsync") ?? false,
    segmentBytes: audit.integer("segment_size", 64 * 1024, 1024 * MIB) ?? 64 * MIB,
    segmentAgeMs: audit.durationMs("segment_age") ?? 24 * HOUR_MS,
    retentionBytes: audit.integer("retention_size", MIB, Number.MAX_SAFE_INTEGER) ?? 4096 * MIB,
    retentionAgeMs: audit.durationMs("retention_age") ?? 30 * 24 * HOUR_MS,
    fileDirectories: audit.strings("file_directories") ?? [],
  };
  audit.finish();
  for (const path of [...config.fileDirectories, ...(config.path === undefined ? [] : [config.path])]) {
    if (!isAbsolute(path)) {
      throw new ConfigError(`audit_stream names ${JSON.stringify(path)}: its paths must be absolute`, section?.at);
    }
  }
  if (config.retentionBytes < 2 * config.segmentBytes) {
    throw new ConfigError("retention_size of audit_stream must be at least twice its segment_size", section?.at);
  }
  return config;
}

function readSeal(reader: ObjectReader, warnings: string[]): { readonly type: "shamir" } {
  for (const { label, body, at } of reader.blocks("seal")) {
    if (label !== "shamir")
      throw new ConfigError(`seal ${JSON.stringify(label)} is not known; the only one is "shamir"`, at);
    new ObjectReader(body, 'seal "shamir"', warnings).finish();
  }
  return { type: "shamir" };
}

function readListeners(
  reader: ObjectReader,
  key: string,
  defaultPort: number,
  warnings: string[],
): readonly ListenerConfig[] {
  return reader.blocks(key).map(({ label, body, at }) => {
    if (label !== "tcp") {
      throw new ConfigError(`${key} ${JSON.stringify(label)} is not known; the only one is "tcp"`, at);
    }
    return readListener(body, `${key} "tcp"`, defaultPort, warnings);
  });
}

function readListener(body: HclObject, where: string, defaultPort: number, warnings: string[]): ListenerConfig {
  const reader = new ObjectReader(body, where, warnings);
  const { host, port } = splitAddress(reader.string("address") ?? `127.0.0.1:${defaultPort}`, defaultPort, body);
  const telemetry = reader.sections("telemetry").map((section) => {
    const inner = new ObjectReader(section, `telemetry of ${where}`, warnings);
    const open = inner.boolean("unauthenticated_metrics_access") ?? false;
    inner.finish();
    return open;
  });
  const config: ListenerConfig = {
    host,
    port,
    tls: readTls(reader, body, where),
    clusterAddress: reader.string("cluster_address"),
    maxRequestBytes: reader.integer("max_request_size", 1024, 256 * MIB) ?? 32 * MIB,
    maxRequestDurationMs: reader.durationMs("max_request_duration") ?? 90_000,
    readHeaderTimeoutMs: reader.durationMs("http_read_header_timeout") ?? 10_000,
    readTimeoutMs: reader.durationMs("http_read_timeout") ?? 30_000,
    idleTimeoutMs: reader.durationMs("http_idle_timeout") ?? 65_000,
    maxConnections: reader.integer("max_connections", 1, 1_000_000) ?? 10_000,
    unauthenticatedMetrics: telemetry.includes(true),
  };
  reader.ignore([
    "http_write_timeout",
    "tls_cipher_suites",
    "tls_prefer_server_cipher_suites",
    "disable_unauthed_rekey_endpoints",
    "disable_unauthed_generate_root_endpoints",
    "disable_request_limiter",
    "max_json_depth",
    "max_json_string_value_length",
    "max_json_object_entry_count",
    "max_json_array_element_count",
  ]);
  reader.finish();
  return config;
}

function readTls(reader: ObjectReader, body: HclObject, where: string): ListenerConfig["tls"] {
  const disabled = reader.boolean("tls_disable") ?? false;
  const certFile = reader.string("tls_cert_file");
  const keyFile = reader.string("tls_key_file");
  const minVersion = readChoice(reader, "tls_min_version", ["tls12", "tls13"]) ?? "tls12";
  reader.string("tls_max_version");
  const clientCaFile = reader.string("tls_client_ca_file");
  const requireClientCert = reader.boolean("tls_require_and_verify_client_cert") ?? false;
  const noClientCerts = reader.boolean("tls_disable_client_certs") ?? false;
  if (disabled) {
    if (certFile !== undefined || keyFile !== undefined || requireClientCert) {
      throw new ConfigError(`${where} disables TLS and configures it; remove one of the two`, body.at);
    }
    return "disabled";
  }
  if (noClientCerts && requireClientCert) {
    throw new ConfigError(`${where} both disables and requires client certificates`, body.at);
  }
  if (requireClientCert && clientCaFile === undefined) {
    throw new ConfigError(`${where} requires client certificates: tls_client_ca_file must say whose`, body.at);
  }
  if (certFile === undefined && keyFile === undefined) {
    if (clientCaFile !== undefined) {
      throw new ConfigError(`${where} needs tls_cert_file and tls_key_file with tls_client_ca_file`, body.at);
    }
    return "generated";
  }
  if (certFile === undefined || keyFile === undefined) {
    throw new ConfigError(`${where} needs both tls_cert_file and tls_key_file`, body.at);
  }
  return {
    certFile,
    keyFile,
    minVersion: minVersion === "tls13" ? "TLSv1.3" : "TLSv1.2",
    clientCaFile: noClientCerts ? undefined : clientCaFile,
    requireClientCert,
  };
}

/** `host:port`, `[v6]:port`, `host` or `:port`. */
function splitAddress(address: string, defaultPort: number, body: HclObject): { host: string; port: number } {
  const match = /^(?:\[([0-9a-fA-F:.%a-z]+)\]|([^:[\]/\s]*))(?::(\d{1,5}))?$/.exec(address);
  const port = match?.[3] === undefined ? defaultPort : Number(match[3]);
  if (match === null || port > 65_535) {
    throw new ConfigError(`the address ${JSON.stringify(address)} is not host:port`, body.at);
  }
  const host = match[1] ?? match[2] ?? "";
  return { host: host === "" ? "0.0.0.0" : host, port };
}

function readUrl(reader: ObjectReader, key: string): string | undefined {
  const text = reader.string(key);
  if (text === undefined) return undefined;
  if (!/^https?:\/\/[^\s/?#]+\/?$/.test(text)) {
    throw new ConfigError(`${key} must be a URL such as https://host:8200`);
  }
  return text.replace(/\/$/, "");
}

function readLogLevel(reader: ObjectReader): ServerConfig["logLevel"] {
  const level = readChoice(reader, "log_level", [
    "trace",
    "debug",
    "info",
    "notice",
    "warn",
    "warning",
    "error",
    "err",
  ]);
  switch (level) {
    case undefined:
    case "info":
    case "notice":
      return "info";
    case "trace":
    case "debug":
      return "debug";
    case "warn":
    case "warning":
      return "warn";
    case "error":
    case "err":
      return "error";
  }
}

function readChoice<const T extends string>(reader: ObjectReader, key: string, choices: readonly T[]): T | undefined {
  const text = reader.string(key);
  if (text === undefined) return undefined;
  const choice = choices.find((candidate) => candidate === text);
  if (choice === undefined) throw new ConfigError(`${key} must be one of ${choices.join(", ")}`);
  return choice;
}

function seconds(durationMs: number | undefined): number | undefined {
  return durationMs === undefined ? undefined : Math.floor(durationMs / 1000);
}

function ignoreRest(reader: ObjectReader): void {
  reader.ignore([
    "ha_storage",
    "telemetry",
    "service_registration",
    "user_lockout",
    "plugin_directory",
    "plugin_file_uid",
    "plugin_file_permissions",
    "disable_mlock",
    "disable_cache",
    "cache_size",
    "disable_clustering",
    "disable_performance_standby",
    "disable_sealwrap",
    "disable_indexing",
    "default_max_request_duration",
    "detect_deadlocks",
    "enable_response_header_hostname",
    "enable_response_header_raft_node_id",
    "imprecise_lease_role_tracking",
    "introspection_endpoint",
    "log_file",
    "log_requests_level",
    "log_rotate_bytes",
    "log_rotate_duration",
    "log_rotate_max_files",
    "raw_storage_endpoint",
    "experiments",
    "license_path",
  ]);
}
