/** A stream connection that is made when it is needed, and a write to it that ends in time or not at all. */
import { lookup as dnsLookup } from "node:dns";
import { connect, type LookupFunction, type Socket } from "node:net";
import type { Timers } from "@strongroom/runtime";
import { DeviceFailedError } from "../errors.ts";
import { inTime } from "./in-time.ts";
import { isForbiddenAddress } from "./options.ts";

export type ConnectionTarget =
  | { readonly kind: "tcp"; readonly host: string; readonly port: number }
  | { readonly kind: "unix"; readonly path: string };

/** A name may not lead where an address may not. */
export const guardedLookup: LookupFunction = (hostname, options, callback) => {
  dnsLookup(hostname, options, (error, found, family) => {
    const addresses = Array.isArray(found) ? found.map(({ address }) => address) : [found];
    if (error === null && addresses.some((address) => isForbiddenAddress(address))) {
      callback(new DeviceFailedError(`${hostname} leads to a link-local address`), found, family);
    } else {
      callback(error, found, family);
    }
  });
};

export class Connection {
  readonly #target: ConnectionTarget;
  readonly #timeoutMs: number;
  readonly #timers: Timers;
  #socket: Socket | undefined;

  constructor(target: ConnectionTarget, timeoutMs: number, timers: Timers) {
    this.#target = target;
    this.#timeoutMs = timeoutMs;
    this.#timers = timers;
  }

  /** Resolves when the kernel has all of `bytes`; connects first where that is needed. */
  async write(bytes: Uint8Array, signal: AbortSignal): Promise<void> {
    const socket = this.#socket ?? (await this.#within(signal, () => this.#connect()));
    this.#socket = socket;
    await this.#within(
      signal,
      () =>
        new Promise<void>((resolve, reject) => {
          if (socket.destroyed) reject(new DeviceFailedError("the other end has closed the connection"));
          socket.write(bytes, (error) => (error === undefined || error === null ? resolve() : reject(error)));
        }),
    );
  }

  drop(): void {
    this.#socket?.destroy();
    this.#socket = undefined;
  }

  #connect(): Promise<Socket> {
    const target = this.#target;
    const socket =
      target.kind === "unix"
        ? connect({ path: target.path })
        : connect({ host: target.host, port: target.port, noDelay: true, keepAlive: true, lookup: guardedLookup });
    this.#socket = socket;
    // What it says is not listened to, but read, so that its end is seen.
    socket.resume();
    socket.once("end", () => socket.destroy());
    return new Promise((resolve, reject) => {
      socket.once("connect", () => resolve(socket));
      socket.on("error", reject);
      socket.once("close", () => {
        if (this.#socket === socket) this.#socket = undefined;
        reject(new DeviceFailedError("the other end has closed the connection"));
      });
    });
  }

  async #within<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    try {
      return await inTime(work, { timers: this.#timers, timeoutMs: this.#timeoutMs, signal });
    } catch (error) {
      this.drop();
      throw error;
    }
  }
}
