/**
 * The gRPC side of the cluster port: methods that nodes call on each other by name, and Join.
 *
 * Each connection gets a grpc-js server of its own, whose handlers close over who is at the other end, as its verified
 * certificate said when it was accepted. There is no table of connections to look callers up in, and nothing that a
 * request carries is asked who it is from.
 */
import type { Duplex } from "node:stream";
import {
  Metadata,
  Server,
  ServerCredentials,
  type ServerOptions,
  type ServiceError,
  type sendUnaryData,
  status,
} from "@grpc/grpc-js";
import {
  type CallRequest,
  type CallResponse,
  CallResponseSchema,
  ControlService,
  create,
  methodDefinition,
} from "@strongroom/proto";
import type { Logger } from "@strongroom/runtime";
import { asError, StrongroomError } from "@strongroom/runtime";
import { type Caller, type ControlHandler, JOIN_METHOD } from "./transport.ts";

/** Trailing metadata that carries an error's stable code. */
export const CODE_METADATA = "strongroom-code";

export const MAX_CONTROL_BYTES: number = 16 * 1024 * 1024;
const MAX_JOIN_BYTES = 65_536;

/** A call that this node does not answer for reasons of its own. */
export class ControlError extends StrongroomError {
  readonly code: "unknown_method" | "no_certificate";

  constructor(code: "unknown_method" | "no_certificate", message: string) {
    super(message);
    this.code = code;
  }
}

/** Join's request and response pass as bytes: whoever serves it decodes them. */
const JOIN_DEFINITION = {
  ...methodDefinition(ControlService.method.join),
  requestDeserialize: (bytes: Buffer): Uint8Array => new Uint8Array(bytes),
  responseSerialize: (bytes: Uint8Array): Buffer => Buffer.from(bytes),
};
const CALL_DEFINITION = methodDefinition(ControlService.method.call);

const COMMON_OPTIONS: ServerOptions = {
  "grpc.enable_channelz": 0,
  "grpc.max_send_message_length": MAX_CONTROL_BYTES,
  "grpc-node.max_session_memory": 64,
};
const MEMBER_OPTIONS: ServerOptions = {
  ...COMMON_OPTIONS,
  "grpc.max_receive_message_length": MAX_CONTROL_BYTES,
  "grpc.max_concurrent_streams": 256,
};
const STRANGER_OPTIONS: ServerOptions = {
  ...COMMON_OPTIONS,
  "grpc.max_receive_message_length": MAX_JOIN_BYTES,
  "grpc.max_concurrent_streams": 4,
};

interface UnaryCall<T> {
  readonly request: T;
}

export class ControlServer {
  readonly #logger: Logger;
  readonly #handlers = new Map<string, ControlHandler>();

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  serve(method: string, handler: ControlHandler): void {
    this.#handlers.set(method, handler);
  }

  /** Serves HTTP/2 on `socket` until it closes. `caller` is who it belongs to. */
  attach(socket: Duplex, caller: Caller): void {
    const server = new Server(caller.nodeId === undefined ? STRANGER_OPTIONS : MEMBER_OPTIONS);
    server.addService(
      { call: CALL_DEFINITION, join: JOIN_DEFINITION },
      {
        call: ({ request }: UnaryCall<CallRequest>, reply: sendUnaryData<CallResponse>) =>
          this.#answer(this.#call(request, caller), reply),
        join: ({ request }: UnaryCall<Uint8Array>, reply: sendUnaryData<Uint8Array>) =>
          this.#answer(this.run(JOIN_METHOD, request, caller), reply),
      },
    );
    server.createConnectionInjector(ServerCredentials.createInsecure()).injectConnection(socket);
    socket.once("close", () => server.forceShutdown());
  }

  /** What `method` answers. Throws what its handler throws, or `ControlError`. */
  async run(method: string, payload: Uint8Array, caller: Caller): Promise<Uint8Array> {
    const handler = this.#handlers.get(method);
    if (caller.nodeId === undefined && method !== JOIN_METHOD)
      throw new ControlError(
        "no_certificate",
        "only nodes of this cluster may call this; it asks for a node certificate",
      );
    if (handler === undefined)
      throw new ControlError("unknown_method", `this node does not serve "${method.slice(0, 100)}"`);
    return handler(payload, caller);
  }

  async #call({ method, payload }: CallRequest, caller: Caller): Promise<CallResponse> {
    return create(CallResponseSchema, { payload: await this.run(method, payload, caller) });
  }

  #answer<T>(result: Promise<T>, reply: sendUnaryData<T>): void {
    result.then(
      (value) => reply(null, value),
      (thrown: unknown) => reply(this.#statusOf(asError(thrown))),
    );
  }

  /** What the caller may know: a typed error's code and sentence, of any other only that there was one. */
  #statusOf(error: Error): Partial<ServiceError> {
    if (!(error instanceof StrongroomError)) {
      this.#logger.error("a call from another node failed inside", { error });
      return { code: status.INTERNAL, details: "internal error; the node's log says more" };
    }
    const metadata = new Metadata();
    metadata.set(CODE_METADATA, error.code);
    return { code: grpcCode(error.code), details: error.message, metadata };
  }
}

function grpcCode(code: string): status {
  if (code === "no_certificate") return status.UNAUTHENTICATED;
  return code === "unknown_method" ? status.UNIMPLEMENTED : status.FAILED_PRECONDITION;
}
