/** A gRPC server with the API's methods and answers from a test, to point a client at. */
import { Metadata, Server, ServerCredentials, type sendUnaryData, type status } from "@grpc/grpc-js";
import {
  create,
  type GetRequest,
  GetResponseSchema,
  KvService,
  type PutRequest,
  PutResponseSchema,
  SealStateSchema,
  SealStatusResponseSchema,
  SysService,
  serviceDefinition,
  timestampFromMs,
  VersionSchema,
} from "@strongroom/proto";

export class Refusal extends Error {
  readonly status: status;
  readonly code: string | undefined;

  constructor(grpcStatus: status, code?: string) {
    super(`refused with ${code ?? grpcStatus}`);
    this.status = grpcStatus;
    this.code = code;
  }
}

export interface FakeNode {
  readonly address: string;
  readonly puts: PutRequest[];
  readonly tokens: (string | undefined)[];
  /** What the next calls do; the last one stays. Nothing: the call is answered. A promise that never ends: it hangs. */
  script: (() => unknown)[];
  close(): void;
}

interface GrpcCall<T> {
  readonly request: T;
  readonly metadata: Metadata;
}

export async function startFakeNode(
  secure?: { readonly cert: string; readonly key: string },
  port = 0,
): Promise<FakeNode> {
  const node: Omit<FakeNode, "address" | "close"> = { puts: [], tokens: [], script: [] };
  const answer = <I, O>(run: (request: I) => O) => {
    return (call: GrpcCall<I>, reply: sendUnaryData<O>): void => {
      node.tokens.push(call.metadata.get("x-vault-token")[0]?.toString());
      const step = node.script.length > 1 ? node.script.shift() : node.script[0];
      Promise.resolve()
        .then(() => step?.())
        .then(
          () => reply(null, run(call.request)),
          (error: unknown) => {
            if (!(error instanceof Refusal)) throw error;
            const metadata = new Metadata();
            if (error.code !== undefined) metadata.set("strongroom-code", error.code);
            metadata.set("strongroom-request-id", `recorded-${error.code ?? "so"}`);
            reply({ code: error.status, details: error.message, metadata });
          },
        );
    };
  };
  const version = create(VersionSchema, { number: 3n, createdTime: timestampFromMs(1000) });
  const server = new Server();
  server.addService(serviceDefinition(KvService), {
    get: answer((_request: GetRequest) =>
      create(GetResponseSchema, { data: new TextEncoder().encode('{"n": 1.0}'), version }),
    ),
    put: answer((request: PutRequest) => {
      node.puts.push(request);
      return create(PutResponseSchema, { version });
    }),
  });
  server.addService(serviceDefinition(SysService), {
    sealStatus: answer(() =>
      create(SealStatusResponseSchema, {
        state: create(SealStateSchema, { type: "shamir", sealed: true, threshold: 3 }),
      }),
    ),
  });
  const credentials =
    secure === undefined
      ? ServerCredentials.createInsecure()
      : ServerCredentials.createSsl(null, [
          { cert_chain: Buffer.from(secure.cert), private_key: Buffer.from(secure.key) },
        ]);
  const bound = await new Promise<number>((resolve, reject) => {
    server.bindAsync(`127.0.0.1:${port}`, credentials, (error, actual) =>
      error === null ? resolve(actual) : reject(error),
    );
  });
  return Object.assign(node, { address: `127.0.0.1:${bound}`, close: () => server.forceShutdown() });
}
