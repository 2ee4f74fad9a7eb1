/** Devices against real files, sockets and servers that fail, with a stream that is written meanwhile. */
import { execFileSync } from "node:child_process";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer as createHttpServer, type Server as HttpServer } from "node:http";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { MetricsRegistry, metricsText, silentLogger } from "@strongroom/runtime";
import { nodeClock, nodeEntropy, nodeTimers } from "@strongroom/runtime/node";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { DeviceConfig } from "../devices/device.ts";
import type { ControlEvent } from "../stream/control-record.ts";
import { NodeAuditDisk } from "../stream/node-disk.ts";
import { recoverStreams } from "../stream/recovery.ts";
import { StreamWriter } from "../stream/stream-writer.ts";
import { testSalt } from "../testing/salt.ts";
import { verifyStream } from "../verify.ts";
import { AuditDevices } from "./audit-devices.ts";

let directory: string;
let disk: NodeAuditDisk;
let stream: StreamWriter;
let devices: AuditDevices;
let dropped: ControlEvent[];
let metrics: MetricsRegistry;
let next: number;
const closers: (() => void)[] = [];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "strongroom-devices-"));
  disk = new NodeAuditDisk(join(directory, "data", "audit"));
  next = 0;
  dropped = [];
  metrics = new MetricsRegistry();
  stream = openStream();
  devices = openDevices();
});

afterEach(async () => {
  for (const close of closers.splice(0)) close();
  await devices.close();
  rmSync(directory, { recursive: true, force: true });
});

function openStream(segmentBytes = 1e9): StreamWriter {
  return new StreamWriter(
    { node: "n", worker: "w", segmentBytes, segmentAgeMs: 1e9 },
    { disk, clock: nodeClock, entropy: nodeEntropy },
  );
}

function openDevices(options: { maxBytes?: number; maxAgeMs?: number } = {}): AuditDevices {
  return new AuditDevices(
    {
      maxBytes: options.maxBytes ?? 1e9,
      maxAgeMs: options.maxAgeMs ?? 1e12,
      retentionIntervalMs: 100,
      fileDirectories: [],
      ownDirectories: [join(directory, "data")],
    },
    {
      disk,
      salt: testSalt().salt,
      clock: nodeClock,
      timers: nodeTimers,
      logger: silentLogger,
      metrics,
      stdout: async () => {},
      record: (event) => dropped.push(event),
    },
  );
}

let uuids = 0;
function config(type: string, options: Record<string, string>, enabledMs = 0): DeviceConfig {
  return { path: `${type}/`, type, description: "", options, local: false, uuid: `u${uuids++}`, enabledMs };
}

/** Records are numbered from 0 on. */
function write(count: number): void {
  for (let i = 0; i < count; i++) stream.add(`{"time":"${stream.time()}","type":"request","request":{"n":${next++}}`);
  stream.flush();
}

async function until(what: () => boolean): Promise<void> {
  for (let i = 0; i < 600; i++) {
    if (what()) return;
    await sleep(25);
  }
  throw new Error(`it did not come to that: ${JSON.stringify(devices.statuses())}`);
}

const numbers = (text: string): number[] => [...text.matchAll(/"n":(\d+)\}/g)].map((match) => Number(match[1]));
const upTo = (count: number): number[] => Array.from({ length: count }, (_, n) => n);
const distinct = (list: readonly number[]): number[] => [...new Set(list)].sort((a, b) => a - b);
const failing = (): boolean => devices.statuses().some(({ error }) => error !== "");

describe("the device file", () => {
  const file = (): string => join(directory, "audit.log");
  const content = (): string => (existsSync(file()) ? readFileSync(file(), "utf8") : "");

  it("gets every record once, in order, and what it holds can be verified", async () => {
    stream = openStream(2000);
    write(5);
    await devices.configure([config("file", { file_path: file() })]);
    for (let i = 0; i < 10; i++) write(10);
    await until(() => numbers(content()).length >= 105);
    expect(numbers(content())).toEqual(upTo(105));
    expect(verifyStream(file()).problems).toEqual([]);
    expect(statSync(file()).mode & 0o777).toBe(0o600);
  });

  it("gets what was recorded since it was enabled", async () => {
    write(5);
    await sleep(5);
    const since = nodeClock.wallMs();
    write(5);
    await devices.configure([config("file", { file_path: file() }, since)]);
    await until(() => content() !== "");
    expect(numbers(content())).toEqual([5, 6, 7, 8, 9]);
  });

  it("goes on where it was after a restart", async () => {
    const one = config("file", { file_path: file() });
    await devices.configure([one]);
    write(10);
    await until(() => numbers(content()).length >= 10);
    await devices.close();
    write(10);
    devices = openDevices();
    await devices.configure([one]);
    await until(() => numbers(content()).length >= 20);
    expect(numbers(content())).toEqual(upTo(20));
  });

  it("is made anew when it was moved away and reopened, or deleted", async () => {
    await devices.configure([config("file", { file_path: file() })]);
    write(10);
    await until(() => numbers(content()).length >= 10);
    renameSync(file(), `${file()}.1`);
    devices.reopen();
    write(10);
    await until(() => numbers(content()).length >= 10);
    expect(numbers(content())).toEqual(upTo(20).slice(10));
    unlinkSync(file());
    for (let i = 0; i < 200 && !existsSync(file()); i++) {
      write(1);
      await sleep(25);
    }
    expect(existsSync(file())).toBe(true);
  });

  it("ends a line that was torn, and loses nothing", async () => {
    writeFileSync(file(), '{"time":"2030-01-01T00:00:00.000Z","type":"req', { mode: 0o600 });
    await devices.configure([config("file", { file_path: file() })]);
    write(3);
    await until(() => numbers(content()).length >= 3);
    expect(content().split("\n")[1]).toMatch(/^\{"time"/);
  });

  it("writes to no file of another kind, and says so; when it may, it has lost nothing", async () => {
    const cases: [string, () => void][] = [
      ["something else", () => writeFileSync(file(), "#!/bin/sh\n")],
      ["ELOOP", () => symlinkSync(join(directory, "target"), file())],
      ["EISDIR", () => mkdirSync(file())],
      ["regular", () => execFileSync("mkfifo", [file()])],
    ];
    write(3);
    for (const [reason, make] of cases) {
      make();
      await devices.configure([config("file", { file_path: file() })]);
      await until(failing);
      expect(devices.statuses()[0]?.error).toMatch(reason === "regular" ? /regular|ENXIO/ : reason);
      await devices.configure([]);
      rmSync(file(), { recursive: true });
    }
    expect(existsSync(join(directory, "target"))).toBe(false);
    writeFileSync(file(), "in the way");
    await devices.configure([config("file", { file_path: file() })]);
    await until(failing);
    write(3);
    unlinkSync(file());
    await until(() => numbers(content()).length >= 6);
    expect(numbers(content())).toEqual(upTo(6));
    await until(() => !failing());
  });

  it("stands in no directory that leads to a forbidden one", async () => {
    symlinkSync("/etc", join(directory, "innocent"));
    await devices.configure([config("file", { file_path: join(directory, "innocent", "strongroom-audit-test") })]);
    write(1);
    await until(failing);
    expect(devices.statuses()[0]?.error).toContain("may not lie below /etc");
  });

  it("that this node may not have is failing here, and holds nobody up", async () => {
    const good = config("file", { file_path: file() });
    await devices.configure([config("file", { file_path: "/etc/strongroom-test" }), { ...good, path: "good/" }]);
    write(3);
    await until(() => numbers(content()).length >= 3);
    expect(devices.statuses()).toMatchObject([{ error: expect.stringContaining("/etc") as string }, { error: "" }]);
    // Counted and kept for other threads within a second.
    await until(() => metricsText([metrics.snapshot()]).includes("vault_audit_devices_failing 1"));
    expect(JSON.parse(Buffer.from(disk.read("devices.json", 0, 10_000)).toString())).toHaveLength(2);
  });
});

describe("the device socket", () => {
  interface Receiver {
    readonly server: Server;
    readonly sockets: Set<Socket>;
    text: string;
  }

  async function receiver(listen: number | string): Promise<Receiver> {
    const one: Receiver = { server: createServer(), sockets: new Set(), text: "" };
    one.server.on("connection", (socket) => {
      one.sockets.add(socket);
      socket.on("error", () => undefined);
      socket.on("data", (chunk: Buffer) => {
        one.text += chunk.toString("utf8");
      });
    });
    if (typeof listen === "string") one.server.listen(listen);
    else one.server.listen(listen, "127.0.0.1");
    await once(one.server, "listening");
    closers.push(() => end(one));
    return one;
  }

  function end({ server, sockets }: Receiver): void {
    for (const socket of sockets) socket.destroy();
    server.close();
  }

  it("over TCP gets all again that may have been lost when the connection broke", async () => {
    const first = await receiver(0);
    const { port } = first.server.address() as AddressInfo;
    await devices.configure([config("socket", { address: `127.0.0.1:${port}` })]);
    write(20);
    await until(() => numbers(first.text).length >= 20);
    end(first);
    write(20);
    await until(failing);
    write(20);
    const second = await receiver(port);
    await until(() => distinct(numbers(second.text)).length >= 60);
    expect(distinct(numbers(second.text))).toEqual(upTo(60));
    await until(() => !failing());
  });

  it("that takes nothing stalls nobody, and gets all when it reads again", async () => {
    const server = createServer({ pauseOnConnect: true });
    const sockets: Socket[] = [];
    server.on("connection", (socket) => sockets.push(socket));
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    closers.push(() => {
      for (const socket of sockets) socket.destroy();
      server.close();
    });
    const { port } = server.address() as AddressInfo;
    const log = join(directory, "other.log");
    await devices.configure([
      config("socket", { address: `127.0.0.1:${port}`, write_timeout: "200ms" }),
      { ...config("file", { file_path: log }), path: "other/" },
    ]);
    const filler = "x".repeat(4000);
    for (let i = 0; i < 40; i++) {
      for (let k = 0; k < 100; k++) stream.add(`{"time":"${stream.time()}","type":"request","filler":"${filler}"`);
      stream.flush();
    }
    write(5);
    await until(() => existsSync(log) && numbers(readFileSync(log, "utf8")).length === 5);
    await until(failing);
  });

  it("over a Unix socket", async () => {
    const path = join(directory, "s.sock");
    const one = await receiver(path);
    await devices.configure([config("socket", { address: path, socket_type: "unix" })]);
    write(10);
    await until(() => numbers(one.text).length >= 10);
    expect(numbers(one.text)).toEqual(upTo(10));
  });

  it("over UDP, a record a datagram", async () => {
    const socket = createSocket("udp4");
    closers.push(() => socket.close());
    const messages: string[] = [];
    socket.on("message", (message) => messages.push(message.toString("utf8")));
    socket.bind(0, "127.0.0.1");
    await once(socket, "listening");
    await devices.configure([config("socket", { address: `127.0.0.1:${socket.address().port}`, socket_type: "udp" })]);
    write(10);
    stream.add(`{"time":"${stream.time()}","type":"request","filler":"${"x".repeat(70_000)}"`);
    write(1);
    await until(() => messages.length >= 13);
    expect(messages.flatMap(numbers)).toEqual(upTo(11));
    expect(messages.filter((message) => message.includes('"shortened":true'))).toHaveLength(1);
  });

  it("gives syslog servers RFC 5424 messages, counted over TCP", async () => {
    const one = await receiver(0);
    const { port } = one.server.address() as AddressInfo;
    const options = { address: `127.0.0.1:${port}`, socket_type: "tcp", facility: "LOCAL3", tag: "sr" };
    await devices.configure([config("syslog", options)]);
    write(3);
    await until(() => numbers(one.text).length >= 3);
    let rest = one.text;
    while (rest !== "") {
      const length = Number(/^\d+/.exec(rest)?.[0]);
      const message = rest.slice(String(length).length + 1).slice(0, length);
      expect(message).toMatch(/^<158>1 \d{4}-\d\d-\d\dT[\d:.]+Z [\x21-\x7e]+ sr \d+ audit - \{"time":".*\}$/);
      rest = rest.slice(String(length).length + 1 + length);
    }
  });

  it("gives the machine's own syslog its records through logger", async () => {
    const path = join(directory, "log.sock");
    const one = await receiver(path);
    await devices.configure([config("syslog", { address: path })]);
    write(3);
    await until(() => numbers(one.text).length >= 3);
    expect(one.text).toMatch(/<38>.*vault/);
    expect(numbers(one.text)).toEqual(upTo(3));
  });
});

describe("the device http", () => {
  it("posts records until they are answered with a 2xx", async () => {
    const bodies: string[] = [];
    const headers: (string | undefined)[] = [];
    let status = 503;
    const server: HttpServer = createHttpServer((request, response) => {
      let body = "";
      request.on("data", (chunk: Buffer) => {
        body += chunk.toString("utf8");
      });
      request.on("end", () => {
        headers.push(request.headers.authorization);
        if (status === 200) bodies.push(body);
        response.writeHead(status).end();
      });
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    closers.push(() => {
      server.closeAllConnections();
      server.close();
    });
    const { port } = server.address() as AddressInfo;
    const uri = `http://127.0.0.1:${port}/audit`;
    await devices.configure([config("http", { uri, headers: '{"Authorization":"Bearer t"}' })]);
    write(10);
    await until(failing);
    expect(devices.statuses()[0]?.error).toContain("503");
    status = 200;
    await until(() => numbers(bodies.join("")).length >= 10);
    expect(numbers(bodies.join(""))).toEqual(upTo(10));
    expect(new Set(headers)).toEqual(new Set(["Bearer t"]));
  });
});

describe("what is kept", () => {
  const failingDevice = (): DeviceConfig => {
    writeFileSync(join(directory, "no.log"), "in the way");
    return config("file", { file_path: join(directory, "no.log") });
  };

  it("is everything that a device has not had, up to the limit; what is dropped above it is recorded", async () => {
    await devices.close();
    devices = openDevices({ maxBytes: 8000 });
    stream = openStream(2000);
    await devices.configure([failingDevice()]);
    for (let i = 0; i < 10; i++) write(10);
    await until(failing);
    devices.start();
    const sizes = (): number => disk.list().reduce((sum, name) => sum + (disk.stat(name)?.bytes ?? 0), 0);
    await until(() => dropped.length > 0 && sizes() < 10_000);
    expect(dropped[0]).toMatchObject({ event: "dropped", fromSeq: 1, devices: ["file/"] });
    for (const event of dropped) stream.addControl(event);
    stream.end();
    unlinkSync(join(directory, "no.log"));
    const log = join(directory, "no.log");
    await until(() => existsSync(log) && readFileSync(log, "utf8").includes('"event":"end"'));
    const kept = numbers(readFileSync(log, "utf8"));
    expect(kept).toEqual(upTo(100).slice(100 - kept.length));
    expect(verifyStream(log)).toMatchObject({ problems: [] });
    expect(metricsText([metrics.snapshot()])).toMatch(/vault_audit_device_dropped_records [1-9]/);
  }, 60_000);

  it("stays until it is known who wants it, and then until all have it", async () => {
    await devices.close();
    devices = openDevices({ maxAgeMs: 0 });
    stream = openStream(1000);
    for (let i = 0; i < 5; i++) write(10);
    stream.end();
    const segments = (): number => disk.list().filter((name) => name.endsWith(".jsonl")).length;
    const before = segments();
    devices.start();
    await sleep(500);
    expect(segments()).toBe(before);
    await devices.configure([failingDevice()]);
    await until(failing);
    await sleep(500);
    expect(segments()).toBe(before);
    unlinkSync(join(directory, "no.log"));
    await until(() => segments() === 0);
    expect(numbers(readFileSync(join(directory, "no.log"), "utf8"))).toEqual(upTo(50));
    expect(dropped).toEqual([]);
  });

  it("survives a device that is taken away, and its path can be used anew", async () => {
    const log = join(directory, "a.log");
    await devices.configure([config("file", { file_path: log })]);
    write(5);
    await until(() => existsSync(log) && numbers(readFileSync(log, "utf8")).length === 5);
    await devices.configure([]);
    expect(disk.list().filter((name) => name.startsWith("cursor-"))).toEqual([]);
    write(5);
    stream.end();
    recoverStreams(disk, nodeClock);
    appendFileSync(log, "");
    await devices.configure([config("file", { file_path: log })]);
    await until(() => numbers(readFileSync(log, "utf8")).length === 15);
    expect(verifyStream(log)).toMatchObject({ problems: [], repeated: 6 });
  });
});
