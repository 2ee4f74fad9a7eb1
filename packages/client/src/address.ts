/** Addresses of gRPC doors as people write them. */
import { isIP } from "node:net";
import { ClientOptionsError } from "./errors.ts";

export interface TargetAddress {
  /** A name or an IP address, without brackets. */
  readonly host: string;
  readonly port: number;
}

/** `host:port`, `host`, `[v6]:port`, or a URL with one of these. Throws `ClientOptionsError`. */
export function parseAddress(text: string, defaultPort: number): TargetAddress {
  const match = /^(?:[a-z]+:\/\/)?(?:\[([0-9a-fA-F:.]+)\]|([^:[\]/\s]+))(?::(\d{1,5}))?\/?$/.exec(text);
  const host = match?.[1] ?? match?.[2];
  const port = match?.[3] === undefined ? defaultPort : Number(match[3]);
  if (host === undefined || port < 1 || port > 65_535) {
    throw new ClientOptionsError(`the address ${JSON.stringify(text)} is not host:port`);
  }
  return { host, port };
}

export function formatAddress({ host, port }: TargetAddress): string {
  return isIP(host) === 6 ? `[${host}]:${port}` : `${host}:${port}`;
}

export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || (isIP(host) === 4 && host.startsWith("127."));
}
