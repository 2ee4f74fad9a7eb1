/**
 * Where the server is and who asks: flags first, then `STRONGROOM_*`, then `VAULT_*`, then `~/.vault-token` for the token,
 * so that a machine that is set up for Vault needs no change.
 */
import { readFileSync } from "node:fs";
import { type Context, LocalError } from "./command.ts";
import { storedToken } from "./token-file.ts";

export const CONNECTION_FLAGS = {
  address: {
    kind: "string",
    value: "URL",
    help: "Address of the server. STRONGROOM_ADDR, VAULT_ADDR; https://127.0.0.1:8200.",
  },
  "ca-cert": {
    kind: "string",
    value: "FILE",
    help: "PEM file of the CA that the server's certificate must come from. STRONGROOM_CACERT, VAULT_CACERT.",
  },
  "ca-fingerprint": {
    kind: "string",
    value: "HEX",
    help: "SHA-256 of that CA's certificate, as the server prints it at start. STRONGROOM_CA_FINGERPRINT.",
  },
  "tls-server-name": {
    kind: "string",
    value: "NAME",
    help: "Name to expect in the server's certificate. STRONGROOM_TLS_SERVER_NAME, VAULT_TLS_SERVER_NAME.",
  },
  "tls-skip-verify": {
    kind: "switch",
    help: "Do not check the server's certificate: anybody between may read everything. STRONGROOM_SKIP_VERIFY, VAULT_SKIP_VERIFY.",
  },
  namespace: {
    kind: "string",
    value: "PATH",
    help: "Namespace of the request. STRONGROOM_NAMESPACE, VAULT_NAMESPACE.",
  },
  "wrap-ttl": {
    kind: "string",
    value: "DURATION",
    help: "Have the answer wrapped: what comes back is a token, good once within this time. STRONGROOM_WRAP_TTL, VAULT_WRAP_TTL.",
  },
} as const;

export const FORMAT_FLAG = {
  format: {
    kind: "string",
    value: "FORMAT",
    help: "table, json, yaml or raw. STRONGROOM_FORMAT, VAULT_FORMAT; table.",
  },
} as const;

export const FIELD_FLAG = {
  field: { kind: "string", value: "NAME", help: "Print only this field's value." },
} as const;

export type Format = "table" | "json" | "yaml" | "raw";

export interface Connection {
  readonly address: URL;
  readonly caCertificate: string | undefined;
  readonly caFingerprint: string | undefined;
  readonly serverName: string | undefined;
  readonly skipVerify: boolean;
  readonly namespace: string | undefined;
  readonly token: string | undefined;
  /** A duration; undefined: answers come as they are. */
  readonly wrapTtl: string | undefined;
}

interface ConnectionFlagValues {
  readonly address: string | undefined;
  readonly "ca-cert": string | undefined;
  readonly "ca-fingerprint": string | undefined;
  readonly "tls-server-name": string | undefined;
  readonly "tls-skip-verify": boolean;
  readonly namespace: string | undefined;
  readonly "wrap-ttl": string | undefined;
}

const DEFAULT_ADDRESS = "https://127.0.0.1:8200";
const LOOPBACK_HOSTS = new Set(["127.0.0.1", "[::1]", "localhost"]);

export function connectionFrom(context: Context, flags: ConnectionFlagValues): Connection {
  const { environment } = context;
  const caFile = flags["ca-cert"] ?? fromEnvironment(environment, "CACERT");
  return {
    address: parseAddress(flags.address ?? fromEnvironment(environment, "ADDR") ?? DEFAULT_ADDRESS),
    caCertificate: caFile === undefined ? undefined : readText(caFile, "the CA certificate"),
    caFingerprint: normaliseFingerprint(flags["ca-fingerprint"] ?? fromEnvironment(environment, "CA_FINGERPRINT")),
    serverName: flags["tls-server-name"] ?? fromEnvironment(environment, "TLS_SERVER_NAME"),
    skipVerify: flags["tls-skip-verify"] || isTrue(fromEnvironment(environment, "SKIP_VERIFY")),
    namespace: flags.namespace ?? fromEnvironment(environment, "NAMESPACE"),
    token: fromEnvironment(environment, "TOKEN") ?? storedToken(environment),
    wrapTtl: flags["wrap-ttl"] ?? fromEnvironment(environment, "WRAP_TTL"),
  };
}

/** For ceremonies: a share given to whoever answers is a share lost. */
export function refuseUnverified(connection: Connection): void {
  if (connection.skipVerify && !LOOPBACK_HOSTS.has(connection.address.hostname)) {
    throw new LocalError(
      "Key shares are never sent to a server whose certificate is not checked. Give -ca-cert or -ca-fingerprint instead of -tls-skip-verify.",
    );
  }
}

export function formatFrom(context: Context, format: string | undefined): Format {
  const chosen = format ?? fromEnvironment(context.environment, "FORMAT") ?? "table";
  if (chosen === "table" || chosen === "json" || chosen === "yaml" || chosen === "raw") return chosen;
  throw new LocalError(`Invalid output format "${chosen}": it is one of table, json, yaml, raw.`);
}

function fromEnvironment(environment: Context["environment"], name: string): string | undefined {
  const value = environment[`STRONGROOM_${name}`] ?? environment[`VAULT_${name}`];
  return value === "" ? undefined : value;
}

function isTrue(value: string | undefined): boolean {
  return value !== undefined && ["1", "t", "true"].includes(value.toLowerCase());
}

function parseAddress(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !["http:", "https:"].includes(url.protocol)) {
    throw new LocalError(`Invalid address "${text}": it looks like https://host:8200.`);
  }
  return url;
}

function normaliseFingerprint(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  const hex = text.replaceAll(":", "").toLowerCase();
  if (!/^[0-9a-f]{64}$/.test(hex)) throw new LocalError("The CA fingerprint is a SHA-256: 64 hexadecimal digits.");
  return hex;
}

/** Reads a file that a flag names. */
export function readText(path: string, what: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    throw new LocalError(
      `Cannot read ${what} from ${path}: ${cause instanceof Error ? cause.message : String(cause)}`,
      { cause },
    );
  }
}
