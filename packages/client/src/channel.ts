/** One node's gRPC door. grpc-js connects when the first call is made and again whenever the connection was lost. */
import { type CallOptions, type ClientOptions, type Metadata, status } from "@grpc/grpc-js";
import {
  create,
  type DescMessage,
  type DescMethod,
  GrpcClient,
  type MessageInitShape,
  type MessageShape,
  methodDefinition,
} from "@strongroom/proto";
import { formatAddress, type TargetAddress } from "./address.ts";
import { channelSecurity, type Trust } from "./credentials.ts";

/** The largest message that a server takes; a list of names may be longer. */
const MAX_SENT_BYTES = 4 * 1024 * 1024;
const MAX_RECEIVED_BYTES = 64 * 1024 * 1024;

const OPTIONS: ClientOptions = {
  // Retries are made one level up, at other nodes and under one request id.
  "grpc.enable_retries": 0,
  "grpc.service_config_disable_resolution": 1,
  "grpc.enable_channelz": 0,
  "grpc.enable_http_proxy": 0,
  "grpc.use_local_subchannel_pool": 1,
  "grpc.max_send_message_length": MAX_SENT_BYTES,
  "grpc.max_receive_message_length": MAX_RECEIVED_BYTES,
  "grpc.initial_reconnect_backoff_ms": 50,
  "grpc.min_reconnect_backoff_ms": 50,
  "grpc.max_reconnect_backoff_ms": 1000,
  // A node whose machine vanished says nothing: pings notice.
  "grpc.keepalive_time_ms": 10_000,
  "grpc.keepalive_timeout_ms": 3000,
};

export type UnaryMethod<I extends DescMessage, O extends DescMessage> = DescMethod & {
  readonly methodKind: "unary";
  readonly input: I;
  readonly output: O;
};

export interface Try {
  readonly metadata: Metadata;
  /** Milliseconds since 1970. */
  readonly deadlineWallMs: number;
  readonly signal: AbortSignal | undefined;
}

export class Channel {
  readonly address: string;
  readonly #client: GrpcClient;

  constructor(address: TargetAddress, trust: Trust) {
    this.address = formatAddress(address);
    const { credentials, options } = channelSecurity(trust, address);
    this.#client = new GrpcClient(this.address, credentials, { ...OPTIONS, ...options });
  }

  /** Rejects with grpc-js's `ServiceError`. */
  unary<I extends DescMessage, O extends DescMessage>(
    method: UnaryMethod<I, O>,
    request: MessageInitShape<I>,
    { metadata, deadlineWallMs, signal }: Try,
  ): Promise<MessageShape<O>> {
    const { path, requestSerialize, responseDeserialize } = methodDefinition(method);
    const options: CallOptions = { deadline: deadlineWallMs };
    return new Promise((resolve, reject) => {
      const call = this.#client.raw.makeUnaryRequest(
        path,
        requestSerialize,
        responseDeserialize,
        create(method.input, request),
        metadata,
        options,
        (error, response) => {
          signal?.removeEventListener("abort", cancel);
          if (error !== null) reject(error);
          else if (response !== undefined) resolve(response);
          else reject(Object.assign(new Error("no answer"), { code: status.UNKNOWN, details: "no answer", metadata }));
        },
      );
      const cancel = (): void => call.cancel();
      signal?.addEventListener("abort", cancel, { once: true });
    });
  }

  close(): void {
    this.#client.close();
  }
}
