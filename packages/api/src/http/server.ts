/**
 * The HTTP listener: Node's parser with strict limits, behind the method shim, in front of the handler. Over TLS it is the
 * same with `https.Server` around it.
 */
import { createServer, type IncomingMessage, type Server, type ServerOptions, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import { present } from "@strongroom/runtime";
import { acceptWaiting } from "../accept-waiting.ts";
import { ConnectionLimit } from "./connection-limit.ts";
import { errorReply } from "./envelope.ts";
import { type HandlerOptions, type HandlerParts, HttpHandler, REQUEST_ID_HEADER } from "./handler.ts";
import { MethodShim } from "./method-shim.ts";

export interface HttpTlsOptions {
  /** PEM, the chain included. */
  readonly cert: string | Uint8Array;
  readonly key: string | Uint8Array;
  readonly minVersion?: "TLSv1.2" | "TLSv1.3";
  /** PEM. With it, client certificates are asked for. */
  readonly clientCa?: string | Uint8Array;
  readonly requireClientCert?: boolean;
}

export interface HttpServerOptions {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  /** Several workers listen on one port, and the kernel shares connections out. */
  readonly reusePort?: boolean;
  /** Without it the server speaks plain HTTP. */
  readonly tls?: HttpTlsOptions;
  readonly maxRequestBytes?: number;
  readonly maxRequestDurationMs?: number;
  readonly headersTimeoutMs?: number;
  /** From a request's first byte to its last. */
  readonly requestTimeoutMs?: number;
  readonly keepAliveTimeoutMs?: number;
  readonly maxConnections?: number;
  /** Of one address, on this listener. */
  readonly maxConnectionsPerAddress?: number;
  readonly loopbackHostsOnly?: boolean;
  readonly openMetrics?: () => Promise<string>;
}

export type HttpServerParts = HandlerParts;

export interface HttpServer {
  readonly address: { readonly host: string; readonly port: number };
  /** Takes no new connection from then on, and lets each that there is end with its next answer. Idempotent. */
  stopListening(): Promise<void>;
  /** Stops listening, lets requests under way be answered, and closes what is left after `graceMs`. Idempotent. */
  close(graceMs?: number): Promise<void>;
}

const MAX_HEADER_BYTES = 16 * 1024;
const MAX_HEADERS = 200;
const CHECKING_INTERVAL_MS = 5_000;
const DEFAULT_GRACE_MS = 5_000;

/** Resolves once the server listens. Rejects with Node's error when the address is taken or the TLS files are no such. */
export async function startHttpServer(options: HttpServerOptions, parts: HttpServerParts): Promise<HttpServer> {
  const handler = new HttpHandler(handlerOptions(options), parts);
  const server = createNodeServer(options);
  const limit = new ConnectionLimit(options.maxConnectionsPerAddress ?? 1024);
  const shims = new WeakMap<Socket, MethodShim>();
  const open = new Set<MethodShim>();
  const shimOf = (socket: Socket): MethodShim => present(shims.get(socket), "every connection has a shim");
  const serve = (request: IncomingMessage, response: ServerResponse): void => {
    const admission = shimOf(request.socket).admit(request, response);
    if ("refusal" in admission) void handler.refuse(request, response, admission.refusal);
    else void handler.handle(request, response, admission.method);
  };
  const sockets = new Set<Socket>();
  // Of the raw sockets, before any handshake.
  server.on("connection", (socket: Socket) => {
    limit.admit(socket);
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  server.on(options.tls === undefined ? "connection" : "secureConnection", (socket: Socket) => {
    const shim = new MethodShim(socket);
    shims.set(socket, shim);
    open.add(shim);
    socket.once("close", () => open.delete(shim));
  });
  // For Node, which calls this as it closes, a connection that has just come is idle as well: its request is on its way.
  server.closeIdleConnections = () => {
    for (const shim of open) shim.closeBetweenRequests();
  };
  server.on("request", serve);
  server.on("checkContinue", serve);
  server.on("clientError", (error: NodeJS.ErrnoException, socket: Socket) => {
    const shim = shims.get(socket);
    if (shim === undefined) socket.destroy();
    else shim.refuseFurther(() => refuseUnparsed(handler, socket, error));
  });
  await listen(server, options);
  const address = server.address() as AddressInfo;
  const ended = new Promise<void>((resolve) => server.once("close", resolve));
  const stopListening = async (): Promise<void> => {
    handler.closeConnections();
    await acceptWaiting(parts.timers);
    if (server.listening) server.close();
  };
  return {
    address: { host: address.address, port: address.port },
    stopListening,
    close: async (graceMs = DEFAULT_GRACE_MS) => {
      await stopListening();
      // Node's own closing of all connections leaves out those that still shake hands.
      const cancel = parts.timers.after(graceMs, () => {
        for (const socket of sockets) socket.destroy();
      });
      await ended;
      cancel();
    },
  };
}

function handlerOptions(options: HttpServerOptions): HandlerOptions {
  return {
    maxRequestBytes: options.maxRequestBytes ?? 32 * 1024 * 1024,
    maxRequestDurationMs: options.maxRequestDurationMs ?? 90_000,
    loopbackHostsOnly: options.loopbackHostsOnly ?? false,
    openMetrics: options.openMetrics,
    strictTransportSecurity: options.tls !== undefined,
  };
}

function createNodeServer(options: HttpServerOptions): Server {
  const { tls } = options;
  const http: ServerOptions = {
    maxHeaderSize: MAX_HEADER_BYTES,
    headersTimeout: options.headersTimeoutMs ?? 10_000,
    requestTimeout: options.requestTimeoutMs ?? 30_000,
    keepAliveTimeout: options.keepAliveTimeoutMs ?? 65_000,
    connectionsCheckingInterval: CHECKING_INTERVAL_MS,
    insecureHTTPParser: false,
    // Checked by the handler, whose answer has a body.
    requireHostHeader: false,
    noDelay: true,
  };
  const server =
    tls === undefined
      ? createServer(http)
      : createTlsServer({
          ...http,
          cert: asPem(tls.cert),
          key: asPem(tls.key),
          minVersion: tls.minVersion ?? "TLSv1.2",
          ALPNProtocols: ["http/1.1"],
          handshakeTimeout: options.headersTimeoutMs ?? 10_000,
          ...(tls.clientCa === undefined
            ? undefined
            : { ca: asPem(tls.clientCa), requestCert: true, rejectUnauthorized: tls.requireClientCert ?? false }),
        });
  server.maxHeadersCount = MAX_HEADERS;
  server.maxConnections = options.maxConnections ?? 10_000;
  return server;
}

function asPem(pem: string | Uint8Array): string | Buffer {
  return typeof pem === "string" ? pem : Buffer.from(pem);
}

function listen(server: Server, options: HttpServerOptions): Promise<void> {
  const { host, port, reusePort = false } = options;
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host, port, reusePort }, () => {
      server.removeListener("error", reject);
      resolve();
    });
  });
}

/**
 * What is wrong before there is a request: Vault's error body by hand, and the end of the connection. Its record does not
 * hold up the answer, since Node ends such a connection in the same turn.
 */
function refuseUnparsed(handler: HttpHandler, socket: Socket, error: NodeJS.ErrnoException): void {
  if (!socket.writable || error.code === "ECONNRESET") {
    socket.destroy();
    return;
  }
  const { status, reason, text } = unparsedStatus(error.code);
  const id = handler.recordUnparsed(socket, text);
  const body = present(errorReply(status, [text], id).body, "an error has a body");
  socket.end(
    `HTTP/1.1 ${status} ${reason}\r\nCache-Control: no-store\r\nContent-Type: application/json\r\n` +
      `Content-Length: ${body.length}\r\n${REQUEST_ID_HEADER}: ${id}\r\nConnection: close\r\n\r\n${body.toString()}`,
    () => socket.destroy(),
  );
}

function unparsedStatus(code: string | undefined): { status: number; reason: string; text: string } {
  if (code === "HPE_HEADER_OVERFLOW") {
    return { status: 431, reason: "Request Header Fields Too Large", text: "the request's headers are too large" };
  }
  if (code === "ERR_HTTP_REQUEST_TIMEOUT") {
    return { status: 408, reason: "Request Timeout", text: "the request took too long to arrive" };
  }
  return { status: 400, reason: "Bad Request", text: "the request is not valid HTTP/1.1" };
}
