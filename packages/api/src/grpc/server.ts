/**
 * The gRPC listener. Sockets are accepted here and handed to grpc-js, which cannot share a port between workers by itself and
 * sets no minimum TLS version.
 */
import { type AddressInfo, createServer, type Server as NetServer, type Socket } from "node:net";
import { createServer as createTlsServer, type TLSSocket } from "node:tls";
import {
  type handleUnaryCall,
  Metadata,
  Server,
  ServerCredentials,
  type ServerOptions,
  type ServiceError,
  status,
} from "@grpc/grpc-js";
import {
  type DeleteRequest,
  type GetMetadataRequest,
  type GetRequest,
  KvService,
  type ListRequest,
  type PutRequest,
  type SealStatusRequest,
  type StatusRequest,
  SysService,
  serviceDefinition,
  type UnsealRequest,
} from "@strongroom/proto";
import { asError, type Logger, type Timers } from "@strongroom/runtime";
import { acceptWaiting } from "../accept-waiting.ts";
import type { HttpTlsOptions } from "../http/server.ts";
import { wireStatus } from "../status.ts";
import { Asker, type AskerParts, type Call } from "./asker.ts";
import { GrpcRefusal } from "./errors.ts";
import { KvHandlers } from "./kv-service.ts";
import { SysHandlers } from "./sys-service.ts";

export interface GrpcServerOptions {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  /** Several workers listen on one port, and the kernel shares connections out. */
  readonly reusePort?: boolean;
  /** Without it the server speaks HTTP/2 in the clear. TLS is 1.3 unless `minVersion` allows older. */
  readonly tls?: HttpTlsOptions;
  readonly maxRequestDurationMs?: number;
  readonly maxConnections?: number;
}

export interface GrpcServerParts extends AskerParts {
  readonly timers: Timers;
  readonly logger: Logger;
}

export interface GrpcServer {
  readonly address: { readonly host: string; readonly port: number };
  /** Takes no new connection from then on; calls go on. Idempotent. */
  stopListening(): Promise<void>;
  /** Takes no new connection or call, lets calls under way be answered, and cuts what is left after `graceMs`. Idempotent. */
  close(graceMs?: number): Promise<void>;
}

/** Trailing metadata that carries an error's stable code. */
const CODE_METADATA = "strongroom-code";
/** And the id under which the audit has the call. */
const REQUEST_ID_METADATA = "strongroom-request-id";
const HANDSHAKE_TIMEOUT_MS = 10_000;
const DEFAULT_GRACE_MS = 5_000;
const HOUR_MS = 3_600_000;
const MIB = 1024 * 1024;

const SERVER_OPTIONS: ServerOptions = {
  "grpc.enable_channelz": 0,
  "grpc.max_receive_message_length": 4 * MIB,
  "grpc.max_send_message_length": 64 * MIB,
  "grpc.max_concurrent_streams": 256,
  // In megabytes, a connection.
  "grpc-node.max_session_memory": 64,
  "grpc.max_connection_age_ms": 12 * HOUR_MS,
  "grpc.max_connection_age_grace_ms": 60_000,
  "grpc.max_connection_idle_ms": HOUR_MS,
  "grpc.keepalive_time_ms": 60_000,
  "grpc.keepalive_timeout_ms": 20_000,
};

/** Resolves once the server listens. Rejects with Node's error when the address is taken or the TLS files are no such. */
export async function startGrpcServer(options: GrpcServerOptions, parts: GrpcServerParts): Promise<GrpcServer> {
  const server = new Server(SERVER_OPTIONS);
  const asker = new Asker(parts, options.maxRequestDurationMs ?? 90_000);
  const kv = new KvHandlers(asker);
  const sys = new SysHandlers(asker);
  const { logger } = parts;
  server.addService(serviceDefinition(KvService), {
    get: unary(asker, logger, (request: GetRequest, call) => kv.get(request, call)),
    put: unary(asker, logger, (request: PutRequest, call) => kv.put(request, call)),
    list: unary(asker, logger, (request: ListRequest, call) => kv.list(request, call)),
    delete: unary(asker, logger, (request: DeleteRequest, call) => kv.delete(request, call)),
    getMetadata: unary(asker, logger, (request: GetMetadataRequest, call) => kv.getMetadata(request, call)),
  });
  server.addService(serviceDefinition(SysService), {
    status: unary(asker, logger, (request: StatusRequest, call) => sys.status(request, call)),
    sealStatus: unary(asker, logger, (request: SealStatusRequest, call) => sys.sealStatus(request, call)),
    unseal: unary(asker, logger, (request: UnsealRequest, call) => sys.unseal(request, call)),
  });
  const injector = server.createConnectionInjector(ServerCredentials.createInsecure());
  const sockets = new Set<Socket>();
  const listener = createListener(options, (socket) => injector.injectConnection(socket));
  // Of the raw sockets, before any handshake.
  listener.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  await listen(listener, options);
  const address = listener.address() as AddressInfo;
  const ended = new Promise<void>((resolve) => listener.once("close", resolve));
  const stopListening = async (): Promise<void> => {
    await acceptWaiting(parts.timers);
    if (listener.listening) listener.close();
  };
  return {
    address: { host: address.address, port: address.port },
    stopListening,
    close: async (graceMs = DEFAULT_GRACE_MS) => {
      await stopListening();
      const cancel = parts.timers.after(graceMs, () => {
        for (const socket of sockets) socket.destroy();
      });
      // Each session ends with its last call and closes its socket. grpc-js reports itself done sooner than that, so it is the
      // listener that tells: it is closed when its last connection is.
      server.tryShutdown(() => undefined);
      await ended;
      cancel();
      server.forceShutdown();
    },
  };
}

function unary<I, O>(asker: Asker, logger: Logger, run: (request: I, call: Call) => Promise<O>): handleUnaryCall<I, O> {
  return (grpcCall, reply) => {
    const id = asker.newId();
    const abort = new AbortController();
    grpcCall.once("cancelled", () => abort.abort());
    const call: Call = {
      id,
      metadata: grpcCall.metadata,
      remoteAddress: hostOf(grpcCall.getPeer()),
      remotePort: portOf(grpcCall.getPeer()),
      method: grpcCall.getPath().replace(/^\//, ""),
      asked: false,
      deadlineMs: asker.deadlineFrom(grpcCall.getDeadline()),
      signal: abort.signal,
    };
    run(grpcCall.request, call).then(
      (response) => reply(null, response),
      async (thrown: unknown) => reply(refusal(asError(await asker.refused(call, thrown)), id, logger)),
    );
  };
}

/** What the caller may know: the table's text and code. */
function refusal(error: Error, id: string, logger: Logger): Partial<ServiceError> {
  const { code, grpc, text } =
    error instanceof GrpcRefusal
      ? { code: error.code, grpc: error.grpcStatus, text: error.message }
      : wireStatus(error);
  if (grpc === status.INTERNAL || grpc === status.DATA_LOSS) {
    logger.error("a call failed", { request: id, code, error });
  }
  const metadata = new Metadata();
  metadata.set(CODE_METADATA, code);
  metadata.set(REQUEST_ID_METADATA, id);
  return { code: grpc, details: text, metadata };
}

/** Without the port: `1.2.3.4:5` and `::1:5` alike. */
function hostOf(peer: string): string {
  const colon = peer.lastIndexOf(":");
  return colon < 0 ? peer : peer.slice(0, colon);
}

function portOf(peer: string): number {
  const port = Number(peer.slice(peer.lastIndexOf(":") + 1));
  return Number.isInteger(port) ? port : 0;
}

function createListener(options: GrpcServerOptions, accept: (socket: Socket) => void): NetServer {
  const listener =
    options.tls === undefined ? createServer({ noDelay: true }, accept) : tlsListener(options.tls, accept);
  listener.maxConnections = options.maxConnections ?? 10_000;
  return listener;
}

function tlsListener(tls: HttpTlsOptions, accept: (socket: TLSSocket) => void): NetServer {
  const listener = createTlsServer({
    cert: asPem(tls.cert),
    key: asPem(tls.key),
    minVersion: tls.minVersion ?? "TLSv1.3",
    ALPNProtocols: ["h2"],
    handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
    noDelay: true,
    ...(tls.clientCa === undefined
      ? undefined
      : { ca: asPem(tls.clientCa), requestCert: true, rejectUnauthorized: tls.requireClientCert ?? false }),
  });
  listener.on("secureConnection", (socket) => {
    // RFC 9113 §3.2: HTTP/2 over TLS is agreed on by ALPN.
    if (socket.alpnProtocol === "h2") accept(socket);
    else socket.destroy();
  });
  // A handshake that fails is the client's affair, and an error event without a listener would be ours.
  listener.on("tlsClientError", (_error, socket) => socket.destroy());
  return listener;
}

function asPem(pem: string | Uint8Array): string | Buffer {
  return typeof pem === "string" ? pem : Buffer.from(pem);
}

function listen(listener: NetServer, { host, port, reusePort = false }: GrpcServerOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    listener.once("error", reject);
    listener.listen({ host, port, reusePort }, () => {
      listener.off("error", reject);
      resolve();
    });
  });
}
