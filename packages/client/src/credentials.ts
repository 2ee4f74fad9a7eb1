/** Whom the client believes: the server's certificate must come from the CA given and name the host that was dialled. */
import { createHash, type X509Certificate } from "node:crypto";
import { isIP } from "node:net";
import { checkServerIdentity, connect, createSecureContext, type TLSSocket } from "node:tls";
import { type ChannelCredentials, type ClientOptions, credentials } from "@grpc/grpc-js";
import { asError, type Timers } from "@strongroom/runtime";
import { formatAddress, type TargetAddress } from "./address.ts";
import { type CallError, ClientOptionsError, UnavailableError } from "./errors.ts";
import type { Settings } from "./settings.ts";

/** What a server name stands in for when an IP address is dialled: RFC 6066 §3 allows no address there. */
const NO_SERVER_NAME = "node.strongroom.internal";
const CHAIN_LENGTH_MAX = 8;
const GRPC_UNAVAILABLE = 14;

export interface ChannelSecurity {
  readonly credentials: ChannelCredentials;
  readonly options: ClientOptions;
}

/** The trusted PEM, fetched first when only its fingerprint is known. */
export type Trust = { readonly kind: "insecure" } | { readonly kind: "ca"; readonly pem: string | Buffer | undefined };

/** Throws `ClientOptionsError` when a server shows another CA, and `UnavailableError` when none answers. */
export async function trustFrom(settings: Settings, timers: Timers): Promise<Trust> {
  const { security, addresses, deadlineMs } = settings;
  switch (security.kind) {
    case "insecure":
      return security;
    case "ca":
      return { kind: "ca", pem: typeof security.pem === "object" ? Buffer.from(security.pem) : security.pem };
    case "fingerprint": {
      let failure: unknown;
      for (const address of addresses) {
        try {
          return { kind: "ca", pem: await fetchAuthority(address, security.sha256, deadlineMs, timers) };
        } catch (error) {
          if (error instanceof ClientOptionsError) throw error;
          failure = error;
        }
      }
      throw failure;
    }
  }
}

export function channelSecurity(trust: Trust, { host }: TargetAddress): ChannelSecurity {
  if (trust.kind === "insecure") return { credentials: credentials.createInsecure(), options: {} };
  const context = createSecureContext({ minVersion: "TLSv1.3", ...(trust.pem === undefined ? {} : { ca: trust.pem }) });
  return {
    credentials: credentials.createFromSecureContext(context, {
      checkServerIdentity: (_name, certificate) => checkServerIdentity(host, certificate),
    }),
    options: isIP(host) === 0 ? {} : { "grpc.ssl_target_name_override": NO_SERVER_NAME },
  };
}

/**
 * The CA with that SHA-256, in PEM, from the chain that the server shows. Nothing is sent on this connection; calls go out on
 * others, which trust this CA and no other.
 */
function fetchAuthority(address: TargetAddress, sha256: string, timeoutMs: number, timers: Timers): Promise<string> {
  const { host, port } = address;
  return new Promise((resolve, reject) => {
    const socket = connect({
      host,
      port,
      ALPNProtocols: ["h2"],
      minVersion: "TLSv1.3",
      rejectUnauthorized: false,
      ...(isIP(host) === 0 ? { servername: host } : {}),
    });
    const cancel = timers.after(timeoutMs, () => socket.destroy(new Error("no answer in time")));
    const settle = (action: () => void): void => {
      cancel();
      socket.destroy();
      action();
    };
    socket.on("error", (cause) => settle(() => reject(unreachable(address, asError(cause)))));
    socket.on("secureConnect", () => {
      const found = chainOf(socket).find(({ raw }) => createHash("sha256").update(raw).digest("hex") === sha256);
      settle(() => {
        if (found !== undefined) resolve(found.toString());
        else reject(otherAuthority(address, sha256));
      });
    });
  });
}

function chainOf(socket: TLSSocket): X509Certificate[] {
  const chain: X509Certificate[] = [];
  let next = socket.getPeerX509Certificate();
  while (next !== undefined && chain.length < CHAIN_LENGTH_MAX) {
    chain.push(next);
    next = next.issuerCertificate;
  }
  return chain;
}

function unreachable(address: TargetAddress, cause: Error): CallError {
  return new UnavailableError(`${formatAddress(address)} cannot be reached: ${cause.message}`, {
    code: "unavailable",
    address: formatAddress(address),
    grpcStatus: GRPC_UNAVAILABLE,
    cause,
  });
}

function otherAuthority(address: TargetAddress, sha256: string): ClientOptionsError {
  return new ClientOptionsError(
    `the certificate of ${formatAddress(address)} does not come from the CA with the fingerprint ${sha256}; somebody may stand between: check the fingerprint that the server printed at its start`,
  );
}
