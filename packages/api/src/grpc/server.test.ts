import { type ChannelCredentials, credentials, Metadata, type ServiceError, status } from "@grpc/grpc-js";
import { type CoreRequest, type CoreResult, PermissionDeniedError } from "@strongroom/core";
import { LogicalError, RawJson } from "@strongroom/logical";
import { GrpcClient, KvService, SysService } from "@strongroom/proto";
import { fromUtf8, type LogFields, silentLogger, utf8 } from "@strongroom/runtime";
import { nodeClock, nodeEntropy, nodeTimers } from "@strongroom/runtime/node";
import { NotCommittedError } from "@strongroom/storage";
import { afterEach, describe, expect, it } from "vitest";
import { makeServerCertificates } from "../../../cluster/src/membership/certificates.ts";
import { type GrpcServer, type GrpcServerOptions, startGrpcServer } from "./server.ts";

const VERSION = {
  created_time: "2026-01-02T03:04:05.678Z",
  custom_metadata: new RawJson(utf8('{"__proto__":"kept","owner":"payments"}')),
  deletion_time: "",
  destroyed: false,
  version: 7,
};

let cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.reverse()) await cleanup();
  cleanups = [];
});

interface Fixture {
  readonly server: GrpcServer;
  readonly client: GrpcClient;
  readonly requests: (CoreRequest & { readonly text: string | undefined })[];
  readonly logged: string[];
}

async function start(
  answer: (request: CoreRequest) => CoreResult | Promise<CoreResult>,
  options: Partial<GrpcServerOptions> = {},
  channel: ChannelCredentials = credentials.createInsecure(),
): Promise<Fixture> {
  const requests: Fixture["requests"] = [];
  const logged: string[] = [];
  const server = await startGrpcServer(
    { host: "127.0.0.1", port: 0, ...options },
    {
      core: {
        refused: async (_request, error) => error,
        handle: async (request) => {
          requests.push({ ...request, text: request.body === undefined ? undefined : fromUtf8(request.body) });
          return answer(request);
        },
      },
      clock: nodeClock,
      timers: nodeTimers,
      entropy: nodeEntropy,
      logger: {
        ...silentLogger,
        error: (message: string, fields?: LogFields) => void logged.push(`${message} ${fields?.["code"]}`),
      },
    },
  );
  const client = new GrpcClient(`localhost:${server.address.port}`, channel, {
    "grpc.enable_http_proxy": 0,
    "grpc.max_send_message_length": -1,
  });
  cleanups.push(
    () => server.close(0),
    () => client.close(),
  );
  return { server, client, requests, logged };
}

function metadata(...pairs: readonly (readonly [string, string])[]): Metadata {
  const result = new Metadata();
  for (const [name, value] of pairs) result.add(name, value);
  return result;
}
const ALICE = metadata(["x-vault-token", "hvs.alice"]);
const soon = () => ({ deadline: Date.now() + 10_000 });

async function refusalOf(call: Promise<unknown>): Promise<{ status: number; code: unknown; text: string }> {
  const error = (await call.then(
    () => expect.unreachable("the call was answered"),
    (thrown: unknown) => thrown,
  )) as ServiceError;
  return { status: error.code, code: error.metadata.get("strongroom-code")[0], text: error.details };
}

const data = (members: object): CoreResult => ({ kind: "data", status: 200, data: members as never, mountType: "kv" });

describe("KvService", () => {
  it("reads a version with its bytes as they were stored", async () => {
    const { client, requests } = await start(() =>
      data({ data: new RawJson(utf8('{"n": 12345678901234567890}')), metadata: VERSION }),
    );
    const request = { mount: "secret/", path: "app/db", version: 7n };
    const answer = await client.unary(KvService.method.get, request, ALICE, soon());
    expect(fromUtf8(answer.data ?? new Uint8Array())).toBe('{"n": 12345678901234567890}');
    expect(answer.version).toMatchObject({ number: 7n, destroyed: false });
    expect(answer.version?.deletionTime).toBeUndefined();
    expect(answer.version?.createdTime).toMatchObject({ seconds: 1767323045n, nanos: 678_000_000 });
    expect(Object.entries(answer.version?.customMetadata ?? {})).toContainEqual(["owner", "payments"]);
    expect(requests[0]).toMatchObject({
      operation: "read",
      path: "secret/data/app/db",
      query: new Map([["version", ["7"]]]),
      remoteAddress: "127.0.0.1",
      namespace: "",
      engine: { mountPath: "secret/", type: "kv", version: "2" },
    });
    expect(fromUtf8(requests[0]?.token ?? new Uint8Array())).toBe("hvs.alice");
  });

  it("answers for a deleted version with its times and no data", async () => {
    const deleted = { ...VERSION, deletion_time: "2026-02-01T00:00:00Z", custom_metadata: null };
    const { client } = await start(() => ({
      kind: "data",
      status: 404,
      data: { data: null, metadata: deleted },
      mountType: "kv",
    }));
    const answer = await client.unary(KvService.method.get, { mount: "secret", path: "a" }, ALICE, soon());
    expect(answer.data).toBeUndefined();
    expect(answer.version?.deletionTime).toMatchObject({ seconds: 1769904000n });
  });

  it("says NOT_FOUND for what never was", async () => {
    const { client } = await start(() => ({ kind: "not-found" }));
    const call = client.unary(KvService.method.get, { mount: "secret", path: "a" }, ALICE, soon());
    expect(await refusalOf(call)).toMatchObject({ status: status.NOT_FOUND, code: "not_found" });
  });

  it("puts the caller's bytes into the request as they are, with cas and request id", async () => {
    const { client, requests } = await start(() => data(VERSION));
    const answer = await client.unary(
      KvService.method.put,
      { mount: "team/kv", path: "ключ/%2e%2e", data: utf8(' {"a" : 1.10}'), cas: 0n, requestId: "id-1" },
      ALICE,
      soon(),
    );
    expect(answer.version?.number).toBe(7n);
    expect(requests[0]).toMatchObject({
      operation: "update",
      path: "team/kv/data/ключ/%2e%2e",
      text: '{"options":{"cas":0},"data": {"a" : 1.10}}',
      idempotencyKey: "id-1",
    });
  });

  it.each(["", "[]", "7", "{", '{"a":1}}', '{"a":1},"options":{"cas":9}', '{"a":1,"a":2}', '{} {"x":1'])(
    "refuses %j as data",
    async (text) => {
      const { client, requests } = await start(() => data(VERSION));
      const call = client.unary(KvService.method.put, { mount: "kv", path: "a", data: utf8(text) }, ALICE, soon());
      expect((await refusalOf(call)).status).toBe(status.INVALID_ARGUMENT);
      expect(requests).toEqual([]);
    },
  );

  it.each([
    ["", "a"],
    ["/", "a"],
    ["kv", ""],
    ["kv", "a/"],
    ["kv", "a//b"],
    ["kv", "../sys/mounts"],
    ["kv", "a/./b"],
    ["kv", "a\\b"],
    ["kv", "a\u0000"],
    ["kv", "a\u202eb"],
    ["kv//x", "a"],
    ["kv", `${"x/".repeat(70)}a`],
    ["kv", "x".repeat(5000)],
  ])("refuses mount %j with path %j", async (mount, path) => {
    const { client, requests } = await start(() => data(VERSION));
    const call = client.unary(KvService.method.get, { mount, path }, ALICE, soon());
    expect((await refusalOf(call)).status).toBe(status.INVALID_ARGUMENT);
    expect(requests).toEqual([]);
  });

  it("lists a directory, and nothing as an empty list", async () => {
    const { client, requests } = await start(({ path }) =>
      path.endsWith("team/") ? data({ keys: ["a", "b/"] }) : { kind: "not-found" },
    );
    const list = (path: string) => client.unary(KvService.method.list, { mount: "kv", path }, ALICE, soon());
    expect((await list("team")).keys).toEqual(["a", "b/"]);
    expect((await list("")).keys).toEqual([]);
    expect(requests.map(({ path }) => path)).toEqual(["kv/metadata/team/", "kv/metadata/"]);
  });

  it("deletes the newest version, or those named", async () => {
    const { client, requests } = await start(() => ({ kind: "empty" }));
    const request = { mount: "kv", path: "a" };
    await client.unary(KvService.method.delete, request, ALICE, soon());
    await client.unary(KvService.method.delete, { ...request, versions: [1n, 2n], requestId: "r" }, ALICE, soon());
    expect(requests.map(({ operation, path, text }) => [operation, path, text])).toEqual([
      ["delete", "kv/data/a", undefined],
      ["update", "kv/delete/a", '{"versions":[1,2]}'],
    ]);
  });

  it("tells a secret's metadata with versions in order", async () => {
    const times = { created_time: "2026-01-01T00:00:00Z", deletion_time: "", destroyed: true };
    const { client } = await start(() =>
      data({
        cas_required: true,
        created_time: "2026-01-01T00:00:00Z",
        current_version: 10,
        custom_metadata: null,
        delete_version_after: "3h0m0s",
        max_versions: 5,
        oldest_version: 9,
        updated_time: "2026-01-02T00:00:00Z",
        versions: new Map([
          ["10", times],
          ["9", { ...times, destroyed: false }],
        ]),
      }),
    );
    const answer = await client.unary(KvService.method.getMetadata, { mount: "kv", path: "a" }, ALICE, soon());
    expect(answer).toMatchObject({
      currentVersion: 10n,
      oldestVersion: 9n,
      maxVersions: 5n,
      casRequired: true,
      deleteVersionAfter: "3h0m0s",
      customMetadata: {},
    });
    expect(answer.versions.map(({ number, destroyed }) => [number, destroyed])).toEqual([
      [9n, false],
      [10n, true],
    ]);
  });
});

describe("the token", () => {
  const get = (client: GrpcClient, given: Metadata) =>
    refusalOf(client.unary(KvService.method.get, { mount: "kv", path: "a" }, given, soon()));

  it("must be there, once", async () => {
    const { client, requests } = await start(() => data(VERSION));
    const missing = { status: status.UNAUTHENTICATED, code: "missing_token" };
    expect(await get(client, new Metadata())).toMatchObject(missing);
    expect(await get(client, metadata(["x-vault-token", ""]))).toMatchObject(missing);
    const repeated = metadata(["x-vault-token", "hvs.alice"], ["x-vault-token", "hvs.bob"]);
    expect(await get(client, repeated)).toMatchObject({ status: status.INVALID_ARGUMENT, code: "bad_metadata" });
    expect(requests).toEqual([]);
  });

  it("goes with at most one well-formed namespace", async () => {
    const { client, requests } = await start(() => data(VERSION));
    const token = ["x-vault-token", "t"] as const;
    await get(client, metadata(token, ["x-vault-namespace", "root"]));
    expect(requests).toMatchObject([{ namespace: "" }]);
    for (const namespaces of [["a", "b"], ["a//b"], ["../x"]]) {
      const given = metadata(token, ...namespaces.map((name) => ["x-vault-namespace", name] as const));
      expect((await get(client, given)).code).toBe("bad_metadata");
    }
  });

  it("refuses a call that asks for a wrapped answer, which it could only give as it is", async () => {
    const { client, requests } = await start(() => data(VERSION));
    const given = metadata(["x-vault-token", "t"], ["x-vault-wrap-ttl", "60"]);
    expect((await get(client, given)).code).toBe("bad_metadata");
    expect(requests).toEqual([]);
  });
});

describe("SysService", () => {
  const STATE = {
    type: "shamir",
    initialized: true,
    sealed: true,
    t: 3,
    n: 5,
    progress: 1,
    nonce: "abc",
    version: "1.0.0",
  };

  it("needs no token and gives the seal's state", async () => {
    const { client, requests } = await start(() => ({ kind: "plain", status: 200, body: STATE }));
    const { state } = await client.unary(SysService.method.sealStatus, {}, ALICE, soon());
    expect(state).toMatchObject({ sealed: true, threshold: 3, shares: 5, progress: 1, nonce: "abc", clusterId: "" });
    expect(requests[0]?.token).toBeUndefined();
  });

  it("passes a share on as bytes and wipes them behind it", async () => {
    let body: Uint8Array | undefined;
    const { client, requests } = await start((request) => {
      body = request.body;
      return { kind: "plain", status: 200, body: STATE };
    });
    const share = Uint8Array.of(0, 15, 255);
    await client.unary(SysService.method.unseal, { share }, new Metadata(), soon());
    await client.unary(SysService.method.unseal, { reset: true }, new Metadata(), soon());
    expect(requests.map(({ text }) => text)).toEqual(['{"key":"000fff"}', '{"reset":true}']);
    expect(body?.every((byte) => byte === 0)).toBe(true);
  });

  it.each([
    ["nothing", {}],
    ["a share and reset", { share: Uint8Array.of(1), reset: true }],
    ["300 bytes", { share: new Uint8Array(300).fill(1) }],
  ])("refuses to unseal with %s", async (_name, request) => {
    const { client } = await start(() => ({ kind: "plain", status: 200, body: STATE }));
    const call = client.unary(SysService.method.unseal, request, new Metadata(), soon());
    expect((await refusalOf(call)).status).toBe(status.INVALID_ARGUMENT);
  });

  it("joins health and leader into one status", async () => {
    const { client } = await start(({ path }) => ({
      kind: "plain",
      status: 200,
      body:
        path === "sys/health"
          ? { initialized: true, sealed: false, version: "1.0.0", cluster_name: "c", cluster_id: "i" }
          : {
              is_self: true,
              leader_address: "https://a:8200",
              leader_cluster_address: "https://a:8201",
              raft_committed_index: 12,
              raft_applied_index: 11,
            },
    }));
    expect(await client.unary(SysService.method.status, {}, new Metadata(), soon())).toMatchObject({
      initialized: true,
      leader: true,
      leaderApiAddress: "https://a:8200",
      raftCommittedIndex: 12n,
      clusterId: "i",
    });
  });
});

describe("errors", () => {
  const call = (client: GrpcClient) =>
    refusalOf(client.unary(KvService.method.get, { mount: "kv", path: "a" }, ALICE, soon()));

  it("carry the table's status and the stable code", async () => {
    const errors = [
      [new PermissionDeniedError(), status.PERMISSION_DENIED, "permission_denied"],
      [new NotCommittedError("dropped"), status.ABORTED, "not_committed"],
      [new LogicalError("check_and_set_mismatch", "stale"), status.FAILED_PRECONDITION, "check_and_set_mismatch"],
    ] as const;
    for (const [error, grpcStatus, code] of errors) {
      const { client, logged } = await start(() => Promise.reject(error));
      expect(await call(client)).toMatchObject({ status: grpcStatus, code });
      expect(logged).toEqual([]);
    }
  });

  it("of our own making are logged and not told", async () => {
    const { client, logged } = await start(() => Promise.reject(new TypeError("secret detail")));
    expect(await call(client)).toEqual({ status: status.INTERNAL, code: "internal", text: "internal error" });
    expect(logged).toEqual(["a call failed internal"]);
  });
});

describe("the listener", () => {
  it("gives the core less time than the client waits, and tells it when the client has gone", async () => {
    let signal: AbortSignal | undefined;
    const seen = Promise.withResolvers<CoreRequest>();
    const { client } = await start((request) => {
      signal = request.signal;
      seen.resolve(request);
      return new Promise(() => undefined);
    });
    const gone = refusalOf(
      client.unary(KvService.method.get, { mount: "kv", path: "a" }, ALICE, { deadline: Date.now() + 400 }),
    );
    const { deadlineMs } = await seen.promise;
    expect(deadlineMs - performance.now()).toBeLessThan(301);
    expect((await gone).status).toBe(status.DEADLINE_EXCEEDED);
    await expect.poll(() => signal?.aborted).toBe(true);
  });

  it("refuses a message over 4 MiB and goes on", async () => {
    const { client } = await start(() => data(VERSION));
    const request = { mount: "kv", path: "a", data: utf8(`{"a":"${"x".repeat(5 * 1024 * 1024)}"}`) };
    const refused = await refusalOf(client.unary(KvService.method.put, request, ALICE, soon()));
    expect(refused.status).toBe(status.RESOURCE_EXHAUSTED);
    const small = { mount: "kv", path: "a", data: utf8("{}") };
    expect((await client.unary(KvService.method.put, small, ALICE, soon())).version?.number).toBe(7n);
  });

  it("unpacks no message beyond 4 MiB", async () => {
    const { server } = await start(() => data(VERSION));
    const packing = new GrpcClient(`localhost:${server.address.port}`, credentials.createInsecure(), {
      "grpc.enable_http_proxy": 0,
      "grpc.max_send_message_length": -1,
      "grpc.default_compression_algorithm": 2,
    });
    cleanups.push(() => packing.close());
    const put = (length: number) =>
      packing.unary(
        KvService.method.put,
        { mount: "kv", path: "a", data: utf8(`{"a":"${"x".repeat(length)}"}`) },
        ALICE,
        soon(),
      );
    expect((await put(1024 * 1024)).version?.number).toBe(7n);
    expect((await refusalOf(put(64 * 1024 * 1024))).status).toBe(status.RESOURCE_EXHAUSTED);
  });

  it("answers garbage in place of a message, and a method it does not have, with a status", async () => {
    const { client } = await start(() => data(VERSION));
    const raw = (path: string, bytes: Buffer) =>
      new Promise<number>((resolve) => {
        client.raw.makeUnaryRequest(
          path,
          (message: Buffer) => message,
          (message: Buffer) => message,
          bytes,
          ALICE,
          soon(),
          (error) => resolve(error?.code ?? status.OK),
        );
      });
    expect(await raw("/strongroom.v1.KvService/Get", Buffer.from("ffffffffff", "hex"))).not.toBe(status.OK);
    expect(await raw("/strongroom.v1.KvService/Nothing", Buffer.alloc(0))).toBe(status.UNIMPLEMENTED);
    expect((await client.unary(KvService.method.delete, { mount: "kv", path: "a" }, ALICE, soon())).$typeName).toBe(
      "strongroom.v1.DeleteResponse",
    );
  });

  it("speaks TLS with a client that trusts its CA", async () => {
    const made = makeServerCertificates({
      hosts: ["127.0.0.1", "localhost"],
      nowMs: Date.now(),
      entropy: nodeEntropy,
      ca: undefined,
    });
    const { client } = await start(
      () => ({ kind: "empty" }),
      { tls: { cert: made.certPem, key: made.keyPem } },
      credentials.createSsl(Buffer.from(made.caPem)),
    );
    const other = new GrpcClient(client.raw.getChannel().getTarget(), credentials.createSsl(), {
      "grpc.enable_http_proxy": 0,
    });
    cleanups.push(() => other.close());
    const request = { mount: "kv", path: "a" };
    await client.unary(KvService.method.delete, request, ALICE, soon());
    const refused = refusalOf(other.unary(KvService.method.delete, request, ALICE, soon()));
    expect((await refused).status).toBe(status.UNAVAILABLE);
  });

  it("lets a call under way finish when it is closed, and takes no further one", async () => {
    const release = Promise.withResolvers<void>();
    const arrived = Promise.withResolvers<void>();
    const { client, server } = await start(async () => {
      arrived.resolve();
      await release.promise;
      return { kind: "empty" };
    });
    const request = { mount: "kv", path: "a" };
    const underWay = client.unary(KvService.method.delete, request, ALICE, soon());
    await arrived.promise;
    const closed = server.close();
    release.resolve();
    await underWay;
    await closed;
    const late = client.unary(KvService.method.delete, request, ALICE, { deadline: Date.now() + 2000 });
    expect([status.UNAVAILABLE, status.CANCELLED]).toContain((await refusalOf(late)).status);
    await server.close();
  });
});
