/** What a node's threads need to know, resolved once by the main thread: plain data that can be handed to each of them. */
import { readFileSync } from "node:fs";
import { availableParallelism, hostname } from "node:os";
import { join, resolve as resolvePath } from "node:path";
import { createServerCertificates, type DiskThresholds, type Pace } from "@strongroom/cluster";
import { type Clock, type Entropy, StrongroomError } from "@strongroom/runtime";
import type { ListenerConfig, ServerConfig } from "../config/index.ts";
import type { LogLevel } from "../logger.ts";

interface TlsSettings {
  readonly certPem: string;
  readonly keyPem: string;
  readonly minVersion: "TLSv1.2" | "TLSv1.3";
  readonly clientCaPem: string | undefined;
  readonly requireClientCert: boolean;
}

export interface ListenerSettings extends Omit<ListenerConfig, "tls" | "clusterAddress"> {
  /** Undefined: plain text. */
  readonly tls: TlsSettings | undefined;
}

export interface AuditStreamSettings {
  readonly directory: string;
  readonly fsync: boolean;
  readonly segmentBytes: number;
  readonly segmentAgeMs: number;
  readonly retentionBytes: number;
  readonly retentionAgeMs: number;
  /** Where audit devices may have files; empty: anywhere but in the system's directories and the node's own. */
  readonly fileDirectories: readonly string[];
}

export interface NodeSettings {
  readonly dataDirectory: string;
  readonly audit: AuditStreamSettings;
  readonly name: string;
  readonly clusterName: string;
  readonly apiAddress: string;
  readonly clusterAddress: string;
  /** Where the cluster port is bound. */
  readonly clusterListen: { readonly host: string; readonly port: number };
  readonly grpcAddress: string;
  readonly listeners: readonly ListenerSettings[];
  readonly grpcListeners: readonly ListenerSettings[];
  readonly joinToken: string | undefined;
  readonly pace: Pace;
  readonly disk: DiskThresholds;
  readonly workers: number;
  /** Several threads may listen on one port (SO_REUSEPORT). */
  readonly sharesPorts: boolean;
  readonly logLevel: LogLevel;
  readonly logFormat: "standard" | "json";
  /** What mounts have that say nothing else. */
  readonly leaseTtls: { readonly defaultLeaseTtlSeconds: number; readonly maxLeaseTtlSeconds: number };
  /** SHA-256 of the CA of generated certificates. */
  readonly caFingerprint: string | undefined;
}

const SHARES_PORTS = process.platform === "linux";

/** The configuration names a file that cannot be used. */
export class SettingsError extends StrongroomError {
  readonly code = "bad_settings";
}

export function resolveSettings(
  config: ServerConfig,
  overrides: { readonly joinToken: string | undefined; readonly logLevel: LogLevel | undefined },
  world: { readonly clock: Clock; readonly entropy: Entropy },
): NodeSettings {
  const [first] = config.listeners;
  if (first === undefined) throw new SettingsError("the configuration has no listener");
  const name = config.storage.nodeName ?? hostname();
  const advertised = first.host === "0.0.0.0" || first.host === "::" ? hostname() : first.host;
  const apiAddress =
    config.apiAddress ?? `${first.tls === "disabled" ? "http" : "https"}://${bracketed(advertised)}:${first.port}`;
  const apiHost = new URL(apiAddress).hostname;
  const clusterAddress = (config.clusterAddress ?? `${apiHost}:${first.port + 1}`).replace(/^https?:\/\//, "");
  const clusterListen = parseHostPort(first.clusterAddress ?? `${first.host}:${first.port + 1}`);
  const grpc = config.grpcListeners[0];
  const generated = generatedCertificates(config, [apiHost, clusterAddress.replace(/:\d+$/, "")], world);
  const resolve = (listener: ListenerConfig): ListenerSettings => {
    const { clusterAddress: _, tls, ...rest } = listener;
    return { ...rest, tls: tls === "disabled" ? undefined : tls === "generated" ? generated?.tls : readTls(tls) };
  };
  return {
    dataDirectory: config.storage.path,
    audit: auditSettings(config),
    name,
    clusterName: config.clusterName ?? `strongroom-cluster-${Buffer.from(world.entropy.bytes(4)).toString("hex")}`,
    apiAddress,
    clusterAddress,
    clusterListen,
    grpcAddress: grpc === undefined ? "" : `${apiHost}:${grpc.port}`,
    listeners: config.listeners.map(resolve),
    grpcListeners: config.grpcListeners.map(resolve),
    joinToken: overrides.joinToken ?? config.join,
    disk: { lowBytes: config.storage.minFreeBytes, reserveBytes: Math.floor(config.storage.minFreeBytes / 4) },
    pace: { heartbeatMs: config.storage.heartbeatMs, electionMs: config.storage.electionMs },
    workers: SHARES_PORTS ? (config.workers ?? availableParallelism()) : 1,
    sharesPorts: SHARES_PORTS,
    logLevel: overrides.logLevel ?? config.logLevel,
    logFormat: config.logFormat,
    leaseTtls: {
      defaultLeaseTtlSeconds: config.defaultLeaseTtlSeconds,
      maxLeaseTtlSeconds: config.maxLeaseTtlSeconds,
    },
    caFingerprint: generated?.fingerprint,
  };
}

function auditSettings({ audit, storage }: ServerConfig): AuditStreamSettings {
  const { path, ...rest } = audit;
  return { directory: path ?? join(resolvePath(storage.path), "audit"), ...rest };
}

function generatedCertificates(
  config: ServerConfig,
  hosts: readonly string[],
  world: { readonly clock: Clock; readonly entropy: Entropy },
): { readonly tls: TlsSettings; readonly fingerprint: string } | undefined {
  if (![...config.listeners, ...config.grpcListeners].some(({ tls }) => tls === "generated")) return undefined;
  const listening = [...config.listeners, ...config.grpcListeners].map(({ host }) => host);
  const names = [...hosts, ...listening, hostname(), "localhost", "127.0.0.1", "::1"];
  const certificates = createServerCertificates({
    directory: config.storage.path,
    hosts: [...new Set(names.map((host) => host.replace(/^\[|\]$/g, "")))].filter(
      (host) => host !== "0.0.0.0" && host !== "::",
    ),
    ...world,
  });
  return {
    tls: {
      certPem: certificates.certPem,
      keyPem: certificates.keyPem,
      minVersion: "TLSv1.2",
      clientCaPem: undefined,
      requireClientCert: false,
    },
    fingerprint: certificates.fingerprint,
  };
}

function readTls(tls: Exclude<ListenerConfig["tls"], string>): TlsSettings {
  return {
    certPem: readFileOf("tls_cert_file", tls.certFile),
    keyPem: readFileOf("tls_key_file", tls.keyFile),
    minVersion: tls.minVersion,
    clientCaPem: tls.clientCaFile === undefined ? undefined : readFileOf("tls_client_ca_file", tls.clientCaFile),
    requireClientCert: tls.requireClientCert,
  };
}

function readFileOf(key: string, path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    throw new SettingsError(`${key}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
}

function parseHostPort(address: string): { readonly host: string; readonly port: number } {
  const match = /^(.*):(\d{1,5})$/.exec(address);
  if (match === null) throw new SettingsError(`cluster_address ${JSON.stringify(address)} is not host:port`);
  return { host: (match[1] ?? "").replace(/^\[|\]$/g, ""), port: Number(match[2]) };
}

function bracketed(host: string): string {
  return host.includes(":") && !host.startsWith("[") ? `[${host}]` : host;
}
