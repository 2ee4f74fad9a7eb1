/** Addresses of nodes as operators write them: `host:port`, an IPv6 host in brackets. */
import { StrongroomError } from "@strongroom/runtime";

/** An address that is not `host:port`. */
export class AddressError extends StrongroomError {
  readonly code = "bad_address";
}

export interface HostPort {
  /** Without brackets. */
  readonly host: string;
  /** 0 to 65535; 0 only makes sense to listen on. */
  readonly port: number;
}

/** Throws `AddressError`. */
export function parseHostPort(address: string): HostPort {
  const match = /^(?:\[([0-9a-fA-F:.]+(?:%[\w.]+)?)\]|([A-Za-z0-9_.-]{1,253})):([0-9]{1,5})$/.exec(address);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  if (host === undefined || port > 65_535)
    throw new AddressError(
      `"${address.slice(0, 300)}" is not an address; write host:port, as in 10.0.0.1:8201 or [::1]:8201`,
    );
  return { host, port };
}

export function formatHostPort({ host, port }: HostPort): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}
