/**
 * A TCP proxy before each node's cluster port. TLS passes through it untouched; it knows who dialled by the process that holds
 * the other end of the socket (/proc). A direction that is cut either holds the bytes back, which then arrive late, or
 * loses them, which ends the connection when the cut is over; a connection that is begun across a cut hangs.
 */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { connect, createServer, type Server, type Socket } from "node:net";
import type { SeededRandom } from "@strongroom/runtime/testing";
import { type Network, type Ports, portsOf } from "./network.ts";

const HOST = "127.0.0.1";

interface Link {
  readonly dialler: number | undefined;
  readonly target: number;
  readonly inbound: Socket;
  outbound: Socket | undefined;
  /** A hole is in a stream: it cannot go on after the cut. */
  holed: boolean;
}

interface Direction {
  mode: "open" | "hold" | "lose";
  delayMs: number;
}

export class ProxyNetwork implements Network {
  readonly kind = "proxy";
  readonly #ports: readonly Ports[];
  readonly #pidOf: (node: number) => number | undefined;
  readonly #random: SeededRandom;
  readonly #servers: Server[] = [];
  readonly #links = new Set<Link>();
  readonly #directions = new Map<string, Direction>();

  private constructor(ports: readonly Ports[], pidOf: (node: number) => number | undefined, random: SeededRandom) {
    this.#ports = ports;
    this.#pidOf = pidOf;
    this.#random = random;
  }

  /** `pidOf` names the running process of a node. */
  static async open(
    options: { readonly nodes: number; readonly basePort: number },
    pidOf: (node: number) => number | undefined,
    random: SeededRandom,
  ): Promise<ProxyNetwork> {
    const ports = Array.from({ length: options.nodes }, (_, node) => portsOf(options.basePort, node));
    const network = new ProxyNetwork(ports, pidOf, random);
    for (const [node, { proxy }] of ports.entries()) {
      const server = createServer({ pauseOnConnect: true }, (socket) => network.#accept(node, socket));
      network.#servers.push(server);
      await new Promise<void>((resolve, reject) => {
        server.once("error", reject);
        server.listen({ host: HOST, port: proxy }, resolve);
      });
    }
    return network;
  }

  host(): string {
    return HOST;
  }

  clusterAddress(node: number): string {
    return `${HOST}:${this.#ports[node]?.proxy}`;
  }

  prefix(): readonly string[] {
    return [];
  }

  cut(from: number, to: number): void {
    const direction = this.#direction(from, to);
    direction.mode = this.#random.chance(50) ? "hold" : "lose";
    for (const link of this.#links) this.#flow(link);
  }

  delay(from: number, to: number, delayMs: number): void {
    this.#direction(from, to).delayMs = delayMs;
  }

  heal(): void {
    this.#directions.clear();
    for (const link of this.#links) {
      if (link.holed) this.#end(link);
      else if (link.outbound === undefined) this.#dial(link);
      else this.#flow(link);
    }
  }

  async close(): Promise<void> {
    for (const link of this.#links) this.#end(link);
    await Promise.all(this.#servers.map((server) => new Promise((resolve) => server.close(resolve))));
  }

  #direction(from: number | undefined, to: number | undefined): Direction {
    const key = `${from} ${to}`;
    let direction = this.#directions.get(key);
    if (direction === undefined) {
      direction = { mode: "open", delayMs: 0 };
      this.#directions.set(key, direction);
    }
    return direction;
  }

  #accept(target: number, inbound: Socket): void {
    const dialler = this.#ports.findIndex((_, node) => ownsSocket(this.#pidOf(node), inbound.remotePort));
    const link: Link = {
      dialler: dialler < 0 ? undefined : dialler,
      target,
      inbound,
      outbound: undefined,
      holed: false,
    };
    this.#links.add(link);
    inbound.setNoDelay(true);
    inbound.on("error", () => this.#end(link));
    inbound.on("close", () => this.#end(link));
    if (this.#isCut(link)) return;
    this.#dial(link);
  }

  /** A handshake needs both directions. */
  #isCut({ dialler, target }: Link): boolean {
    return this.#direction(dialler, target).mode !== "open" || this.#direction(target, dialler).mode !== "open";
  }

  #dial(link: Link): void {
    const outbound = connect({ host: HOST, port: this.#ports[link.target]?.cluster ?? 0, noDelay: true });
    link.outbound = outbound;
    outbound.on("error", () => this.#end(link));
    outbound.on("close", () => this.#end(link));
    outbound.on("connect", () => {
      this.#pass(link, link.inbound, outbound, () => this.#direction(link.dialler, link.target));
      this.#pass(link, outbound, link.inbound, () => this.#direction(link.target, link.dialler));
      this.#flow(link);
    });
  }

  #pass(link: Link, source: Socket, sink: Socket, direction: () => Direction): void {
    // In order, also of what was under way when a delay ended.
    const late: { readonly chunk: Buffer; readonly dueMs: number }[] = [];
    const deliver = (): void => {
      while (late[0] !== undefined && late[0].dueMs <= performance.now() + 1) {
        const next = late.shift();
        if (next !== undefined && sink.writable) sink.write(next.chunk);
      }
      if (late[0] !== undefined) setTimeout(deliver, late[0].dueMs - performance.now());
    };
    source.on("data", (chunk: Buffer) => {
      const { mode, delayMs } = direction();
      if (mode === "lose") {
        link.holed = true;
        return;
      }
      if (delayMs > 0 || late.length > 0) {
        late.push({ chunk, dueMs: performance.now() + delayMs });
        if (late.length === 1) setTimeout(deliver, delayMs);
      } else if (!sink.write(chunk)) {
        source.pause();
        sink.once("drain", () => this.#flow(link));
      }
    });
    source.on("end", () => this.#end(link));
  }

  #flow({ dialler, target, inbound, outbound }: Link): void {
    if (outbound === undefined || outbound.connecting) return;
    const set = (source: Socket, mode: Direction["mode"]) => (mode === "hold" ? source.pause() : source.resume());
    set(inbound, this.#direction(dialler, target).mode);
    set(outbound, this.#direction(target, dialler).mode);
  }

  #end(link: Link): void {
    if (!this.#links.delete(link)) return;
    link.inbound.destroy();
    link.outbound?.destroy();
  }
}

/** Whether a process holds the loopback socket with this local port. */
function ownsSocket(pid: number | undefined, port: number | undefined): boolean {
  if (pid === undefined || port === undefined) return false;
  const local = `0100007F:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  try {
    const row = readFileSync(`/proc/${pid}/net/tcp`, "utf8")
      .split("\n")
      .map((line) => line.trim().split(/\s+/))
      .find((columns) => columns[1] === local);
    const inode = row?.[9];
    if (inode === undefined) return false;
    return readdirSync(`/proc/${pid}/fd`).some((fd) => {
      try {
        return readlinkSync(`/proc/${pid}/fd/${fd}`) === `socket:[${inode}]`;
      } catch {
        return false;
      }
    });
  } catch {
    return false;
  }
}
