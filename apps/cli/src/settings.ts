/**
 * Where the server is and who asks: flags first, then `STRONGROOM_*`, then `VAULT_*`, then `~/.vault-token` for the token,
 * so that a machine that is set up for Vault needs no change.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseDuration } from "@strongroom/logical";
import { asError } from "@strongroom/runtime";
import { type Context, LocalError } from "./command.ts";
import type { Preview } from "./request-preview.ts";
import { storedToken } from "./token-file.ts";

export const CONNECTION_FLAGS = {
  address: {
    kind: "string",
    value: "URL",
    help: "Address of the server. STRONGROOM_ADDR, VAULT_ADDR; https://127.0.0.1:8200.",
  },
  "agent-address": {
    kind: "string",
    value: "URL",
    help: "Address of an agent, asked in the server's place. STRONGROOM_AGENT_ADDR, VAULT_AGENT_ADDR.",
  },
  "ca-cert": {
    kind: "string",
    value: "FILE",
    help: "PEM file of the CA that the server's certificate must come from. STRONGROOM_CACERT, VAULT_CACERT.",
  },
  "ca-path": {
    kind: "string",
    value: "DIRECTORY",
    help: "The same for every PEM file in a directory. STRONGROOM_CAPATH, VAULT_CAPATH.",
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
  "client-cert": {
    kind: "string",
    value: "FILE",
    help: "PEM file of the certificate to show the server. STRONGROOM_CLIENT_CERT, VAULT_CLIENT_CERT.",
  },
  "client-key": {
    kind: "string",
    value: "FILE",
    help: "PEM file of its key. STRONGROOM_CLIENT_KEY, VAULT_CLIENT_KEY.",
  },
  namespace: {
    kind: "string",
    alias: "ns",
    value: "PATH",
    help: "Namespace of the request. STRONGROOM_NAMESPACE, VAULT_NAMESPACE.",
  },
  "wrap-ttl": {
    kind: "string",
    value: "DURATION",
    help: "Have the answer wrapped: what comes back is a token, good once within this time. STRONGROOM_WRAP_TTL, VAULT_WRAP_TTL.",
  },
  mfa: {
    kind: "string",
    value: "METHOD:PASSCODE",
    help: "A second factor, sent along as X-Vault-MFA; this server asks for none. STRONGROOM_MFA, VAULT_MFA.",
  },
  "policy-override": {
    kind: "switch",
    help: "Send X-Vault-Policy-Override along; this server has no policies that can be overridden.",
  },
  header: { kind: "list", value: "NAME=VALUE", help: "A header to send along; may be given several times." },
  "non-interactive": { kind: "switch", help: "Ask for nothing: fail where something would be asked for." },
  "output-curl-string": { kind: "switch", help: "Print the request as a curl command instead of sending it." },
  "output-policy": { kind: "switch", help: "Print the policy that the request needs instead of sending it." },
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
  /** PEM texts. Empty: the system's. */
  readonly caCertificates: readonly string[];
  readonly caFingerprint: string | undefined;
  readonly serverName: string | undefined;
  readonly skipVerify: boolean;
  readonly namespace: string | undefined;
  readonly token: string | undefined;
  /** A duration; undefined: answers come as they are. */
  readonly wrapTtl: string | undefined;
  /** PEM texts to show a server that asks who is there. */
  readonly client?: { readonly certificate: string; readonly key: string };
  /** How long to wait for an answer; 0 is for ever. Missing: a minute. */
  readonly timeoutMs?: number;
  /** How often to send again what failed and may be repeated. Missing: never. */
  readonly retries?: number;
  /** What requests go through. */
  readonly proxy?: URL;
  /** Sent besides the tool's own. */
  readonly headers?: readonly (readonly [name: string, value: string])[];
  /** With it a command's request is printed and not sent. */
  readonly preview?: Preview;
}

interface ConnectionFlagValues {
  readonly address: string | undefined;
  readonly "agent-address": string | undefined;
  readonly "ca-cert": string | undefined;
  readonly "ca-path": string | undefined;
  readonly "ca-fingerprint": string | undefined;
  readonly "tls-server-name": string | undefined;
  readonly "tls-skip-verify": boolean;
  readonly "client-cert": string | undefined;
  readonly "client-key": string | undefined;
  readonly mfa: string | undefined;
  readonly "policy-override": boolean;
  readonly header: readonly string[];
  readonly "output-curl-string": boolean;
  readonly "output-policy": boolean;
  readonly namespace: string | undefined;
  readonly "wrap-ttl": string | undefined;
}

const DEFAULT_ADDRESS = "https://127.0.0.1:8200";
/** What Node's timers hold. */
const MAX_TIMER_MS = 2 ** 31 - 1;
const LOOPBACK_HOSTS = new Set(["127.0.0.1", "[::1]", "localhost"]);

export function connectionFrom(context: Context, flags: ConnectionFlagValues): Connection {
  const { environment } = context;
  const token = fromEnvironment(environment, "TOKEN") ?? storedToken(environment);
  const files = {
    ca: flags["ca-cert"] ?? fromEnvironment(environment, "CACERT"),
    caDirectory: flags["ca-path"] ?? fromEnvironment(environment, "CAPATH"),
    certificate: flags["client-cert"] ?? fromEnvironment(environment, "CLIENT_CERT"),
    key: flags["client-key"] ?? fromEnvironment(environment, "CLIENT_KEY"),
  };
  const skipVerify = flags["tls-skip-verify"] || isTrue(fromEnvironment(environment, "SKIP_VERIFY"));
  const client = clientCertificate(files);
  const timeout = fromEnvironment(environment, "CLIENT_TIMEOUT");
  const retries = fromEnvironment(environment, "MAX_RETRIES");
  const proxy = parseProxy(fromEnvironment(environment, "PROXY_ADDR") ?? fromEnvironment(environment, "HTTP_PROXY"));
  const preview = flags["output-curl-string"] ? "curl" : flags["output-policy"] ? "policy" : undefined;
  return {
    address: parseAddress(addressFrom(environment, flags)),
    caCertificates: caCertificates(files),
    caFingerprint: normaliseFingerprint(flags["ca-fingerprint"] ?? fromEnvironment(environment, "CA_FINGERPRINT")),
    serverName: flags["tls-server-name"] ?? fromEnvironment(environment, "TLS_SERVER_NAME"),
    skipVerify,
    namespace: flags.namespace ?? fromEnvironment(environment, "NAMESPACE"),
    token,
    wrapTtl: flags["wrap-ttl"] ?? fromEnvironment(environment, "WRAP_TTL"),
    headers: headersFrom(environment, flags),
    ...(timeout !== undefined && { timeoutMs: parseTimeout(timeout) }),
    ...(retries !== undefined && { retries: parseRetries(retries) }),
    ...(proxy && { proxy }),
    ...(client && { client }),
    ...(preview && {
      preview: { as: preview, tokenInUse: token, curlArguments: curlArguments(files, skipVerify, proxy) },
    }),
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

interface TlsFiles {
  readonly ca: string | undefined;
  readonly caDirectory: string | undefined;
  readonly certificate: string | undefined;
  readonly key: string | undefined;
}

/** A file's wins over a directory's, as in Vault's tool. */
function caCertificates({ ca, caDirectory }: TlsFiles): readonly string[] {
  if (ca !== undefined) return [readText(ca, "the CA certificate")];
  if (caDirectory === undefined) return [];
  let names: readonly string[];
  try {
    const entries = readdirSync(caDirectory, { withFileTypes: true });
    names = entries.flatMap((entry) => (entry.isDirectory() ? [] : [entry.name]));
  } catch (cause) {
    throw new LocalError(`Cannot read the CA certificates in ${caDirectory}: ${asError(cause).message}`, { cause });
  }
  if (names.length === 0) throw new LocalError(`There is no CA certificate in ${caDirectory}.`);
  return names.map((name) => readText(join(caDirectory, name), "the CA certificate"));
}

function clientCertificate({ certificate, key }: TlsFiles): Connection["client"] {
  if (certificate === undefined && key === undefined) return undefined;
  if (certificate === undefined || key === undefined) {
    throw new LocalError("A client certificate and its key go together: give -client-cert and -client-key.");
  }
  return { certificate: readText(certificate, "the certificate"), key: readText(key, "the certificate's key") };
}

function curlArguments(files: TlsFiles, skipVerify: boolean, proxy: URL | undefined): readonly string[] {
  const { ca, caDirectory, certificate, key } = files;
  return [
    ...(proxy === undefined ? [] : ["--proxy", withoutPassword(proxy)]),
    ...(skipVerify ? ["--insecure"] : []),
    ...(ca === undefined ? [] : ["--cacert", ca]),
    ...(ca !== undefined || caDirectory === undefined ? [] : ["--capath", caDirectory]),
    ...(certificate === undefined || key === undefined ? [] : ["--cert", certificate, "--key", key]),
  ];
}

/** Of what is said in one way, an agent's address wins over the server's. */
function addressFrom(environment: Context["environment"], flags: ConnectionFlagValues): string {
  return (
    flags["agent-address"] ??
    flags.address ??
    fromEnvironment(environment, "AGENT_ADDR") ??
    fromEnvironment(environment, "ADDR") ??
    DEFAULT_ADDRESS
  );
}

function headersFrom(
  environment: Context["environment"],
  flags: ConnectionFlagValues,
): readonly (readonly [string, string])[] {
  const mfa = flags.mfa ?? fromEnvironment(environment, "MFA");
  return [
    ...flags.header.map(headerOf),
    ...(mfa === undefined ? [] : [["X-Vault-MFA", mfa] as const]),
    ...(flags["policy-override"] ? [["X-Vault-Policy-Override", "true"] as const] : []),
  ];
}

/** What the tool itself says by headers is said by flags of their own. */
function headerOf(text: string): readonly [string, string] {
  const at = text.indexOf("=");
  const [name, value] = [text.slice(0, at).trim(), text.slice(at + 1).trim()];
  if (at <= 0 || !/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name) || !/^[\t\x20-\x7e]*$/.test(value)) {
    throw new LocalError(`Invalid header "${text}": give -header=name=value.`);
  }
  if (/^x-vault-/i.test(name)) throw new LocalError(`The header ${name} cannot be given: it has a flag of its own.`);
  return [name, value];
}

function isTrue(value: string | undefined): boolean {
  return value !== undefined && ["1", "t", "true"].includes(value.toLowerCase());
}

function parseAddress(text: string): URL {
  const url = httpUrl(text);
  if (url === undefined) throw new LocalError(`Invalid address "${text}": it looks like https://host:8200.`);
  return url;
}

/** A password may stand in it, so no message repeats it. */
function parseProxy(text: string | undefined): URL | undefined {
  const url = text === undefined ? undefined : httpUrl(text);
  if (text !== undefined && url === undefined) {
    throw new LocalError("Invalid VAULT_PROXY_ADDR or VAULT_HTTP_PROXY: it looks like http://host:3128.");
  }
  return url;
}

function withoutPassword(proxy: URL): string {
  return `${proxy.protocol}//${proxy.host}`;
}

function httpUrl(text: string): URL | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  return url !== undefined && ["http:", "https:"].includes(url.protocol) ? url : undefined;
}

/** Longer than a timer can wait is for ever. */
function parseTimeout(text: string): number {
  const seconds = parseDuration(text);
  if (seconds === undefined || seconds < 0) {
    throw new LocalError(
      `Invalid VAULT_CLIENT_TIMEOUT "${text}": it is a number of seconds, or a duration such as 2m.`,
    );
  }
  return seconds * 1000 > MAX_TIMER_MS ? 0 : seconds * 1000;
}

function parseRetries(text: string): number {
  if (!/^\d{1,4}$/.test(text)) throw new LocalError(`Invalid VAULT_MAX_RETRIES "${text}": it is a whole number.`);
  return Number(text);
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
    throw new LocalError(`Cannot read ${what} from ${path}: ${asError(cause).message}`, { cause });
  }
}
