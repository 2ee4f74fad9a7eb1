/**
 * Port 8201: one TLS 1.3 listener for all that nodes say to each other. The handshake tells who is there (the client's
 * certificate) and what the connection is for (ALPN); this file decides whether it may be, and hands it on. Whoever comes
 * without a certificate gets as far as Join, in small numbers and for a short time.
 */
import type { AddressInfo, Socket } from "node:net";
import { createServer, type Server, type TLSSocket } from "node:tls";
import type { NodeId } from "@strongroom/raft";
import type { Cancel, Logger, Timers } from "@strongroom/runtime";
import { asError, assert } from "@strongroom/runtime";
import { formatHostPort, type HostPort } from "./address.ts";
import {
  ALPN,
  type Protocol,
  peerNodeId,
  remoteAddressOf,
  serverTlsOptions,
  type TlsIdentity,
} from "./tls-identity.ts";

export interface ListenerLimits {
  /** Open connections, handshakes included. */
  readonly connections: number;
  /** Handshakes under way from one address. */
  readonly handshakesPerAddress: number;
  /** Connections without a certificate. */
  readonly strangers: number;
  /** How long one of these may stay. */
  readonly strangerMs: number;
  readonly handshakeTimeoutMs: number;
}

export const DEFAULT_LISTENER_LIMITS: ListenerLimits = {
  connections: 1024,
  handshakesPerAddress: 32,
  strangers: 32,
  strangerMs: 60_000,
  handshakeTimeoutMs: 5000,
};

/** Connections of one node for one purpose; the oldest gives way to a newer one, since a restarted node's old ones may linger. */
const PER_NODE: Readonly<Record<Protocol, number>> = { [ALPN.peer]: 1, [ALPN.snapshot]: 2, [ALPN.control]: 8 };

export interface Accepted {
  readonly socket: TLSSocket;
  /** Undefined for a stranger, whose protocol is always `h2`. */
  readonly nodeId: NodeId | undefined;
  readonly protocol: Protocol;
}

export interface ListenerContext {
  readonly identity: TlsIdentity;
  readonly timers: Timers;
  readonly logger: Logger;
  readonly limits: ListenerLimits;
  readonly onConnection: (accepted: Accepted) => void;
}

export class ClusterListener {
  readonly #context: ListenerContext;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #members = new Map<NodeId, Map<Protocol, TLSSocket[]>>();
  /** Those under way: from the whole remote endpoint to its address. */
  readonly #handshakes = new Map<string, string>();
  #strangers = 0;
  #refusalsUnreported = 0;
  #refusalPause: Cancel | undefined;
  #removed: ReadonlySet<NodeId> = new Set();

  private constructor(context: ListenerContext) {
    this.#context = context;
    const { identity, limits, logger } = context;
    this.#server = createServer(serverTlsOptions(identity, limits.handshakeTimeoutMs), (socket) =>
      this.#secured(socket),
    );
    this.#server.maxConnections = limits.connections;
    this.#server.on("connection", (socket: Socket) => this.#connected(socket));
    this.#server.on("tlsClientError", (error, socket) => {
      logger.debug("a handshake on the cluster port failed", {
        remote: remoteAddressOf(socket),
        reason: asError(error).message,
      });
    });
  }

  /** Rejects when the address cannot be listened on. */
  static async open(listen: HostPort, context: ListenerContext): Promise<ClusterListener> {
    const listener = new ClusterListener(context);
    const server = listener.#server;
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen({ host: listen.host, port: listen.port }, () => {
        server.off("error", reject);
        resolve();
      });
    });
    server.on("error", (error) => context.logger.error("the cluster port's listener failed", { error }));
    return listener;
  }

  /** `host:port` with the port that was given or found. */
  get address(): string {
    const address: AddressInfo | string | null = this.#server.address();
    assert(address !== null && typeof address === "object", "an open listener has an address");
    return formatHostPort({ host: address.address, port: address.port });
  }

  /** Closes the connections of these ids now, and refuses them from now on. */
  setRemoved(ids: readonly NodeId[]): void {
    this.#removed = new Set(ids);
    for (const id of ids) this.disconnect(id);
  }

  disconnect(id: NodeId): void {
    for (const sockets of this.#members.get(id)?.values() ?? []) for (const socket of sockets) socket.destroy();
  }

  async close(): Promise<void> {
    this.#refusalPause?.();
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  #connected(socket: Socket): void {
    const { limits, logger } = this.#context;
    this.#sockets.add(socket);
    socket.once("close", () => this.#sockets.delete(socket));
    const remote = remoteAddressOf(socket);
    let underWay = 0;
    for (const other of this.#handshakes.values()) if (other === remote) underWay++;
    if (underWay >= limits.handshakesPerAddress) {
      logger.debug("too many handshakes from one address on the cluster port", { remote });
      socket.destroy();
      return;
    }
    const endpoint = endpointOf(socket);
    this.#handshakes.set(endpoint, remote);
    socket.once("close", () => this.#handshakes.delete(endpoint));
  }

  #secured(socket: TLSSocket): void {
    const { identity, logger } = this.#context;
    this.#sockets.add(socket);
    socket.once("close", () => this.#sockets.delete(socket));
    socket.on("error", (error) =>
      logger.debug("a connection on the cluster port broke", { reason: asError(error).message }),
    );
    socket.setNoDelay(true);
    this.#handshakes.delete(endpointOf(socket));
    const remote = remoteAddressOf(socket);
    const protocol = Object.values(ALPN).find((known) => known === socket.alpnProtocol);
    const refuse = (reason: string) => {
      this.#reportRefusal(remote, reason);
      socket.destroy();
    };
    let nodeId: NodeId | undefined;
    try {
      nodeId = peerNodeId(socket, identity);
    } catch (error) {
      refuse(asError(error).message);
      return;
    }
    if (protocol === undefined) refuse("it speaks no protocol of this port");
    else if (nodeId === undefined) this.#admitStranger(socket, protocol, refuse);
    else if (this.#removed.has(nodeId)) refuse(`node ${nodeId} was removed from the cluster`);
    else if (nodeId === identity.nodeId) refuse("it shows this node's own certificate; was a data directory copied?");
    else this.#admitMember({ socket, nodeId, protocol });
  }

  /** One line a second at most: who knocks without end must not fill the log. */
  #reportRefusal(remote: string, reason: string): void {
    if (this.#refusalPause !== undefined) {
      this.#refusalsUnreported++;
      return;
    }
    const { logger, timers } = this.#context;
    logger.warn("refused a connection on the cluster port", { remote, reason, unreported: this.#refusalsUnreported });
    this.#refusalsUnreported = 0;
    this.#refusalPause = timers.after(1000, () => {
      this.#refusalPause = undefined;
    });
  }

  #admitStranger(socket: TLSSocket, protocol: Protocol, refuse: (reason: string) => void): void {
    const { limits, timers, onConnection } = this.#context;
    if (protocol !== ALPN.control) {
      refuse("it shows no node certificate; without one only Join is open");
      return;
    }
    if (this.#strangers >= limits.strangers) {
      refuse("too many connections without a node certificate");
      return;
    }
    this.#strangers++;
    const cancel = timers.after(limits.strangerMs, () => socket.destroy());
    socket.once("close", () => {
      this.#strangers--;
      cancel();
    });
    onConnection({ socket, nodeId: undefined, protocol });
  }

  #admitMember(accepted: Accepted & { readonly nodeId: NodeId }): void {
    const { socket, nodeId, protocol } = accepted;
    const ofNode = this.#members.get(nodeId) ?? new Map<Protocol, TLSSocket[]>();
    this.#members.set(nodeId, ofNode);
    const sockets = ofNode.get(protocol) ?? [];
    ofNode.set(protocol, sockets);
    sockets.push(socket);
    socket.once("close", () => {
      sockets.splice(sockets.indexOf(socket), 1);
    });
    if (sockets.length > PER_NODE[protocol]) sockets[0]?.destroy();
    this.#context.onConnection(accepted);
  }
}

/** The same for a TCP socket and for the TLS socket on top of it. */
function endpointOf(socket: Socket): string {
  return `${socket.remoteAddress} ${socket.remotePort}`;
}
