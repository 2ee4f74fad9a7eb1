/** The device `socket`: lines over TCP, a Unix socket, or one a UDP datagram. */
import type { Timers } from "@strongroom/runtime";
import { Connection } from "./connection.ts";
import { Datagrams, MAX_DATAGRAM_BYTES } from "./datagrams.ts";
import type { AuditDevice } from "./device.ts";
import { type DeviceTarget, splitHostPort } from "./options.ts";

/** What a kernel took may lie in its buffers when the other end dies. */
export const SETTLE_MS = 5_000;

type SocketTarget = Extract<DeviceTarget, { readonly type: "socket" }>;

export function socketDevice(target: SocketTarget, timers: Timers): AuditDevice {
  return target.socketType === "udp" ? new UdpDevice(target, timers) : new StreamDevice(target, timers);
}

class StreamDevice implements AuditDevice {
  readonly maxLineBytes: number = Number.POSITIVE_INFINITY;
  readonly settleMs: number = SETTLE_MS;
  readonly #connection: Connection;

  constructor({ socketType, address, writeTimeoutMs }: SocketTarget, timers: Timers) {
    const target =
      socketType === "unix"
        ? ({ kind: "unix", path: address } as const)
        : ({ kind: "tcp", ...splitHostPort(address) } as const);
    this.#connection = new Connection(target, writeTimeoutMs, timers);
  }

  write(lines: readonly Uint8Array[], signal: AbortSignal): Promise<void> {
    return this.#connection.write(Buffer.concat(lines), signal);
  }

  reopen(): void {
    this.#connection.drop();
  }

  async close(): Promise<void> {
    this.#connection.drop();
  }
}

class UdpDevice implements AuditDevice {
  readonly maxLineBytes: number = MAX_DATAGRAM_BYTES;
  readonly settleMs = 0;
  readonly #datagrams: Datagrams;

  constructor({ address, writeTimeoutMs: timeoutMs }: SocketTarget, timers: Timers) {
    this.#datagrams = new Datagrams(splitHostPort(address), { timeoutMs, timers });
  }

  write(lines: readonly Uint8Array[], signal: AbortSignal): Promise<void> {
    return this.#datagrams.send(lines, signal);
  }

  reopen(): void {
    this.#datagrams.drop();
  }

  async close(): Promise<void> {
    this.#datagrams.drop();
  }
}
