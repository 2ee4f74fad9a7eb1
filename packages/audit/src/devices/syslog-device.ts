/**
 * The device `syslog`: RFC 5424 messages to a server over UDP (RFC 5426) or TCP with octet counting (RFC 6587 §3.4.1), or to the
 * machine's own syslog. That one is a Unix datagram socket, which Node cannot open, so util-linux's `logger` does; records
 * reach it by its standard input.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { hostname } from "node:os";
import type { Timers } from "@strongroom/runtime";
import { DeviceFailedError } from "../errors.ts";
import { Connection } from "./connection.ts";
import { Datagrams } from "./datagrams.ts";
import type { AuditDevice } from "./device.ts";
import { inTime } from "./in-time.ts";
import { type DeviceTarget, splitHostPort } from "./options.ts";
import { SETTLE_MS } from "./socket-device.ts";

type SyslogTarget = Extract<DeviceTarget, { readonly type: "syslog" }>;

const SEVERITY_INFO = 6;
/** What syslog servers take at their defaults (rsyslog: 8 KiB), and what RFC 5425 recommends over streams. */
const MAX_UDP_BYTES = 8000;
const MAX_STREAM_BYTES = 64_000;
const TIME_AT = '{"time":"'.length;

export function syslogDevice(target: SyslogTarget, timers: Timers): AuditDevice {
  const { socketType, address } = target.server;
  if (socketType === "local") return new LocalSyslog(target, address, timers);
  return new RemoteSyslog(target, { socketType, address }, timers);
}

class RemoteSyslog implements AuditDevice {
  readonly maxLineBytes: number;
  readonly settleMs: number;
  readonly #before: string;
  readonly #after: string;
  readonly #connection: Connection | undefined;
  readonly #datagrams: Datagrams | undefined;

  constructor(
    { facility, tag, writeTimeoutMs }: SyslogTarget,
    { socketType, address }: { readonly socketType: "tcp" | "udp"; readonly address: string },
    timers: Timers,
  ) {
    const target = splitHostPort(address);
    this.#before = `<${facility * 8 + SEVERITY_INFO}>1 `;
    this.#after = ` ${hostname().replaceAll(/[^\x21-\x7e]/g, "-") || "-"} ${tag} ${process.pid} audit - `;
    if (socketType === "tcp") this.#connection = new Connection({ kind: "tcp", ...target }, writeTimeoutMs, timers);
    else this.#datagrams = new Datagrams(target, { timeoutMs: writeTimeoutMs, timers });
    this.maxLineBytes = socketType === "tcp" ? MAX_STREAM_BYTES : MAX_UDP_BYTES;
    this.settleMs = socketType === "tcp" ? SETTLE_MS : 0;
  }

  async write(lines: readonly Uint8Array[], signal: AbortSignal): Promise<void> {
    const messages = lines.map((line) => this.#message(line));
    await this.#datagrams?.send(messages, signal);
    await this.#connection?.write(
      Buffer.concat(messages.flatMap((message) => [Buffer.from(`${message.length} `), message])),
      signal,
    );
  }

  reopen(): void {
    this.#connection?.drop();
    this.#datagrams?.drop();
  }

  async close(): Promise<void> {
    this.reopen();
  }

  /** The record's own time is the message's. */
  #message(line: Uint8Array): Buffer {
    const text = Buffer.from(line.buffer, line.byteOffset, line.length);
    const end = text.indexOf(0x22, TIME_AT);
    const time = text.toString("latin1", TIME_AT, end);
    return Buffer.concat([Buffer.from(this.#before + time + this.#after), text.subarray(0, -1)]);
  }
}

class LocalSyslog implements AuditDevice {
  readonly maxLineBytes: number = MAX_STREAM_BYTES;
  readonly settleMs: number = SETTLE_MS;
  readonly #arguments: readonly string[];
  readonly #timeoutMs: number;
  readonly #timers: Timers;
  #child: ChildProcess | undefined;

  /** `socket` empty: where `logger` looks by itself. */
  constructor({ facilityName, tag, writeTimeoutMs }: SyslogTarget, socket: string, timers: Timers) {
    this.#arguments = [
      ...(socket === "" ? [] : ["-u", socket]),
      "-p",
      `${facilityName}.info`,
      "-t",
      tag,
      "--size",
      String(MAX_STREAM_BYTES + 1000),
    ];
    this.#timeoutMs = writeTimeoutMs;
    this.#timers = timers;
  }

  async write(lines: readonly Uint8Array[], signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const child = this.#child ?? this.#start();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const failed = (error: Error): void => reject(new DeviceFailedError(`logger: ${error.message}`, { cause: error }));
    const ended = (): void => reject(new DeviceFailedError("logger has ended"));
    child.once("error", failed).once("exit", ended);
    child.stdin?.write(Buffer.concat(lines), (error) =>
      error === null || error === undefined ? resolve() : failed(error),
    );
    try {
      await inTime(() => promise, { timers: this.#timers, timeoutMs: this.#timeoutMs, signal });
    } catch (error) {
      this.reopen();
      throw error;
    } finally {
      child.off("error", failed).off("exit", ended);
    }
  }

  reopen(): void {
    const child = this.#child;
    this.#child = undefined;
    child?.stdin?.end();
    child?.kill();
  }

  async close(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    // At the end of its input it sends what it has and ends.
    child?.stdin?.end();
  }

  #start(): ChildProcess {
    const child = spawn("logger", this.#arguments, { stdio: ["pipe", "ignore", "ignore"] });
    const gone = (): void => {
      if (this.#child === child) this.#child = undefined;
    };
    child.on("error", gone).on("exit", gone);
    child.stdin?.on("error", gone);
    this.#child = child;
    return child;
  }
}
