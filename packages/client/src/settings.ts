/**
 * From what the caller gave and what the environment says to what a client is made of. `STRONGROOM_*` wins over `VAULT_*`:
 * `_GRPC_ADDR` (several by commas), `_ADDR`, `_TOKEN`, `_CACERT`, `_CA_FINGERPRINT`, `_NAMESPACE`. `_ADDR` is the HTTPS
 * address that Vault's tools know; the gRPC door is two ports above it, unless `STRONGROOM_GRPC_ADDR` says where.
 */
import { readFileSync } from "node:fs";
import { asError } from "@strongroom/runtime";
import { formatAddress, isLoopback, parseAddress, type TargetAddress } from "./address.ts";
import { ClientOptionsError } from "./errors.ts";
import type { ConnectOptions, RetryOptions } from "./types.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

export interface Settings {
  /** At least one. */
  readonly addresses: readonly TargetAddress[];
  readonly security:
    | { readonly kind: "insecure" }
    /** Undefined: the CAs that Node trusts. */
    | { readonly kind: "ca"; readonly pem: string | Uint8Array | undefined }
    | { readonly kind: "fingerprint"; readonly sha256: string };
  readonly token: string | undefined;
  readonly namespace: string | undefined;
  readonly deadlineMs: number;
  readonly retry: RetryOptions;
}

const DEFAULT_GRPC_PORT = 8202;
const DEFAULT_DEADLINE_MS = 10_000;
const DEFAULT_RETRY: RetryOptions = { maxTries: Number.MAX_SAFE_INTEGER, firstDelayMs: 50, maxDelayMs: 500 };

/** Throws `ClientOptionsError`. */
export function settingsFrom(options: ConnectOptions, environment: Environment): Settings {
  const token = options.token ?? fromEnvironment(environment, "TOKEN");
  if (token !== undefined && !/^[\x21-\x7e]{1,8192}$/.test(token)) {
    throw new ClientOptionsError("the token contains a character that no token has");
  }
  const deadlineMs = options.deadlineMs ?? DEFAULT_DEADLINE_MS;
  if (!(deadlineMs > 0)) throw new ClientOptionsError("deadlineMs must be more than 0");
  const addresses = addressesFrom(options, environment);
  return {
    addresses,
    security: securityFrom(options, environment, addresses),
    token,
    namespace: options.namespace ?? fromEnvironment(environment, "NAMESPACE"),
    deadlineMs,
    retry: { ...DEFAULT_RETRY, ...options.retry },
  };
}

function addressesFrom(options: ConnectOptions, environment: Environment): readonly TargetAddress[] {
  if (options.address !== undefined && options.addresses !== undefined) {
    throw new ClientOptionsError("give address or addresses, not both");
  }
  const given = options.addresses ?? (options.address === undefined ? undefined : [options.address]);
  const texts = given ?? environment["STRONGROOM_GRPC_ADDR"]?.split(",").map((text) => text.trim());
  const addresses =
    texts === undefined ? [beside(environment)] : texts.map((text) => parseAddress(text, DEFAULT_GRPC_PORT));
  if (addresses.length === 0) throw new ClientOptionsError("addresses is empty: name at least one node");
  return addresses;
}

/** The gRPC door that belongs to the HTTPS address in the environment. */
function beside(environment: Environment): TargetAddress {
  const text = fromEnvironment(environment, "ADDR");
  if (text === undefined) return { host: "127.0.0.1", port: DEFAULT_GRPC_PORT };
  const { host, port } = parseAddress(text, DEFAULT_GRPC_PORT - 2);
  return { host, port: port + 2 };
}

function securityFrom(
  options: ConnectOptions,
  environment: Environment,
  addresses: readonly TargetAddress[],
): Settings["security"] {
  if (options.insecure === true) {
    const far = addresses.find(({ host }) => !isLoopback(host));
    if (far !== undefined) {
      throw new ClientOptionsError(
        `secrets are not sent in the clear to ${formatAddress(far)}: insecure is for servers on this machine`,
      );
    }
    return { kind: "insecure" };
  }
  if (options.caCert !== undefined) return { kind: "ca", pem: options.caCert };
  if (options.caCertFile !== undefined) return { kind: "ca", pem: readCertificate(options.caCertFile) };
  const fingerprint = options.caFingerprint ?? environment["STRONGROOM_CA_FINGERPRINT"];
  if (fingerprint !== undefined && fingerprint !== "") {
    const sha256 = fingerprint.replaceAll(":", "").toLowerCase();
    if (!/^[0-9a-f]{64}$/.test(sha256)) {
      throw new ClientOptionsError("the CA fingerprint is a SHA-256: 64 hexadecimal digits");
    }
    return { kind: "fingerprint", sha256 };
  }
  const file = fromEnvironment(environment, "CACERT");
  return { kind: "ca", pem: file === undefined ? undefined : readCertificate(file) };
}

function readCertificate(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    throw new ClientOptionsError(`the CA certificate cannot be read: ${asError(cause).message}`, { cause });
  }
}

function fromEnvironment(environment: Environment, name: string): string | undefined {
  const value = environment[`STRONGROOM_${name}`] ?? environment[`VAULT_${name}`];
  return value === "" ? undefined : value;
}
