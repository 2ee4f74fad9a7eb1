/** Datagrams over UDP, one a message. Nobody answers them: what is lost on the way is lost. */
import { createSocket, type Socket } from "node:dgram";
import { isIP, isIPv6 } from "node:net";
import type { Timers } from "@strongroom/runtime";
import { guardedLookup } from "./connection.ts";
import { inTime } from "./in-time.ts";

/** What every network takes: 65,535 less the headers of IP and UDP. */
export const MAX_DATAGRAM_BYTES = 65_507;

export class Datagrams {
  readonly #host: string;
  readonly #port: number;
  readonly #timeoutMs: number;
  readonly #timers: Timers;
  #socket: Socket | undefined;

  constructor(
    { host, port }: { readonly host: string; readonly port: number },
    { timeoutMs, timers }: { readonly timeoutMs: number; readonly timers: Timers },
  ) {
    this.#host = host;
    this.#port = port;
    this.#timeoutMs = timeoutMs;
    this.#timers = timers;
  }

  async send(messages: readonly Uint8Array[], signal: AbortSignal): Promise<void> {
    const socket = this.#open();
    const send = (message: Uint8Array): Promise<void> =>
      new Promise((resolve, reject) => {
        socket.send(message, this.#port, this.#host, (error) => (error === null ? resolve() : reject(error)));
      });
    for (const message of messages) {
      await inTime(() => send(message), { timers: this.#timers, timeoutMs: this.#timeoutMs, signal });
    }
  }

  drop(): void {
    this.#socket?.close();
    this.#socket = undefined;
  }

  #open(): Socket {
    if (this.#socket === undefined) {
      const socket = createSocket({
        type: isIPv6(this.#host) ? "udp6" : "udp4",
        // Asked for the own side's address too, which may be any.
        lookup: (name, options, callback) =>
          isIP(name) === 0
            ? guardedLookup(name, { ...options, all: false }, (error, address, family) =>
                callback(error, typeof address === "string" ? address : "", family ?? 4),
              )
            : callback(null, name, isIP(name)),
      });
      // Told by the next send as well.
      socket.on("error", () => undefined);
      socket.unref();
      this.#socket = socket;
    }
    return this.#socket;
  }
}
