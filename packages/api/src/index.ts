/** The front doors: they translate between the wire and the core, and decide nothing. */
export type { GrpcServer, GrpcServerOptions, GrpcServerParts } from "./grpc/server.ts";
export { startGrpcServer } from "./grpc/server.ts";
export type { HttpServer, HttpServerOptions, HttpServerParts, HttpTlsOptions } from "./http/server.ts";
export { startHttpServer } from "./http/server.ts";
export type { WireStatus } from "./status.ts";
export { GRPC_STATUS, wireStatus } from "./status.ts";
