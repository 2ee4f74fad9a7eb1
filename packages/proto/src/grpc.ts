/**
 * From a protobuf-es service descriptor to grpc-js: the definition that a server registers and a client calls. The
 * generated code knows messages only; the paths, the framing flags and the (de)serializers that grpc-js wants follow
 * from the descriptor.
 */
import {
  create,
  type DescMessage,
  type DescMethod,
  type DescService,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import {
  type CallOptions,
  type ChannelCredentials,
  Client,
  type ClientOptions,
  type Metadata,
  type MethodDefinition,
  type ServiceDefinition,
} from "@grpc/grpc-js";

/** The grpc-js definition of one method; requests and responses are complete messages. */
export function methodDefinition<I extends DescMessage, O extends DescMessage>(
  method: DescMethod & { readonly input: I; readonly output: O },
): MethodDefinition<MessageShape<I>, MessageShape<O>> {
  return {
    path: `/${method.parent.typeName}/${method.name}`,
    requestStream: method.methodKind === "client_streaming" || method.methodKind === "bidi_streaming",
    responseStream: method.methodKind === "server_streaming" || method.methodKind === "bidi_streaming",
    requestSerialize: (message) => Buffer.from(toBinary(method.input, message)),
    requestDeserialize: (bytes) => fromBinary(method.input, bytes),
    responseSerialize: (message) => Buffer.from(toBinary(method.output, message)),
    responseDeserialize: (bytes) => fromBinary(method.output, bytes),
    originalName: method.localName,
  };
}

/** For `server.addService`: handlers are found by the methods' names in lower camel case. */
export function serviceDefinition(service: DescService): ServiceDefinition {
  return Object.fromEntries(service.methods.map((method) => [method.localName, methodDefinition(method)]));
}

/** A channel with typed unary calls. grpc-js connects when the first call is made; `close` ends it. */
export class GrpcClient {
  readonly #client: Client;

  constructor(target: string, credentials: ChannelCredentials, options: ClientOptions) {
    this.#client = new Client(target, credentials, options);
  }

  /** Rejects with grpc-js's `ServiceError`. `options.deadline` is grpc-js's: an absolute time. */
  unary<I extends DescMessage, O extends DescMessage>(
    method: DescMethod & { readonly methodKind: "unary"; readonly input: I; readonly output: O },
    request: MessageInitShape<I>,
    metadata: Metadata,
    options: CallOptions,
  ): Promise<MessageShape<O>> {
    const { path, requestSerialize, responseDeserialize } = methodDefinition(method);
    const message = create(method.input, request);
    return new Promise((resolve, reject) => {
      this.#client.makeUnaryRequest(
        path,
        requestSerialize,
        responseDeserialize,
        message,
        metadata,
        options,
        (error, response) => {
          if (error !== null) reject(error);
          else if (response === undefined) reject(new Error("the call ended without an answer"));
          else resolve(response);
        },
      );
    });
  }

  /** The grpc-js client itself, for streams and for connectivity. */
  get raw(): Client {
    return this.#client;
  }

  close(): void {
    this.#client.close();
  }
}
