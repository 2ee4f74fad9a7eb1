import { credentials, Metadata, type ServiceError, status } from "@grpc/grpc-js";
import { TestNode } from "@strongroom/core/testing";
import { GrpcClient, KvService } from "@strongroom/proto";
import { silentLogger, toHex, utf8 } from "@strongroom/runtime";
import { nodeClock, nodeEntropy, nodeTimers } from "@strongroom/runtime/node";
import { kvFactory } from "@strongroom/secrets";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type GrpcServer, startGrpcServer } from "./server.ts";

const node = new TestNode([kvFactory]);
const metadata = new Metadata();
const servers: GrpcServer[] = [];
const clients: GrpcClient[] = [];

beforeAll(async () => {
  await node.initialize();
  await node.call("update", "sys/mounts/secret", { body: { type: "kv", options: { version: "2" } } });
  metadata.add("x-vault-token", node.rootToken);
  for (let i = 0; i < 2; i++) {
    const server = await startGrpcServer(
      { host: "127.0.0.1", port: 0 },
      { core: node.core, clock: nodeClock, timers: nodeTimers, entropy: nodeEntropy, logger: silentLogger },
    );
    servers.push(server);
    const options = { "grpc.enable_http_proxy": 0 };
    clients.push(new GrpcClient(`127.0.0.1:${server.address.port}`, credentials.createInsecure(), options));
  }
});

afterAll(async () => {
  for (const client of clients) client.close();
  for (const server of servers) await server.close(0);
  await node.core.close();
});

function drawId(): string {
  const time = node.store.clock.wallMs().toString(16).padStart(12, "0");
  const tail = toHex(nodeEntropy.bytes(8));
  return `${time.slice(0, 8)}-${time.slice(8)}-7${tail.slice(0, 3)}-8${tail.slice(3, 6)}-${tail.slice(4)}`;
}

const clientOf = (door: number): GrpcClient => clients[door] as GrpcClient;
const options = () => ({ deadline: Date.now() + 10_000 });
const put = (door: number, path: string, requestId: string, json = '{"n":1}') =>
  clientOf(door).unary(
    KvService.method.put,
    { mount: "secret", path, data: utf8(json), requestId },
    metadata,
    options(),
  );
const currentVersion = async (path: string) =>
  (await clientOf(0).unary(KvService.method.getMetadata, { mount: "secret", path }, metadata, options()))
    .currentVersion;

describe("request_id", () => {
  it("makes two puts, through two doors, one version with one answer", async () => {
    await node.call("update", "secret/metadata/a", { body: { custom_metadata: { owner: "payments" } } });
    const id = drawId();
    const first = await put(0, "a", id);
    expect(await put(1, "a", id)).toEqual(first);
    expect(first.version).toMatchObject({ number: 1n, customMetadata: { owner: "payments" } });
    expect(await currentVersion("a")).toBe(1n);
  });

  it("makes puts at one time one version", async () => {
    const id = drawId();
    const answers = await Promise.all([put(0, "b", id), put(1, "b", id), put(0, "b", id)]);
    expect(answers.map(({ version }) => version?.number)).toEqual([1n, 1n, 1n]);
    expect(await currentVersion("b")).toBe(1n);
  });

  it("deletes once, so that what was written since stays", async () => {
    const id = drawId();
    const remove = (door: number) =>
      clientOf(door).unary(KvService.method.delete, { mount: "secret", path: "c", requestId: id }, metadata, options());
    await put(0, "c", drawId());
    await remove(0);
    await put(0, "c", drawId(), '{"n":2}');
    await remove(1);
    const { data } = await clientOf(0).unary(KvService.method.get, { mount: "secret", path: "c" }, metadata, options());
    expect(Buffer.from(data ?? []).toString()).toBe('{"n":2}');
  });

  it.each([
    ["7", '{"n":1}', "idempotency_key_invalid", status.INVALID_ARGUMENT],
    ["used", '{"n":2}', "idempotency_key_reused", status.FAILED_PRECONDITION],
    ["00000000-0000-7000-8000-000000000000", '{"n":1}', "idempotency_key_expired", status.FAILED_PRECONDITION],
  ])("%s is refused where it must be", async (id, json, code, grpcStatus) => {
    const used = drawId();
    await put(0, "d", used);
    const error = (await put(1, "d", id === "used" ? used : id, json).catch(
      (thrown: unknown) => thrown,
    )) as ServiceError;
    expect([error.code, error.metadata.get("strongroom-code")[0]]).toEqual([grpcStatus, code]);
  });
});

describe("a call", () => {
  it("is recorded as a request over HTTP is, and so is what this door refuses by itself", async () => {
    const before = node.auditRecords().length;
    await put(0, "audited", drawId(), '{"password":"canary-4c"}');
    const error = (await clientOf(0)
      .unary(KvService.method.get, { mount: "secret", path: "audited" }, new Metadata(), options())
      .catch((thrown: unknown) => thrown)) as ServiceError;
    expect(error.code).toBe(status.UNAUTHENTICATED);
    const records = node.auditRecords().slice(before) as {
      type: string;
      request: Record<string, unknown>;
      error?: string;
    }[];
    expect(records.map(({ type }) => type)).toEqual(["request", "response", "request", "response"]);
    expect(records[0]?.request).toMatchObject({ path: "secret/data/audited", remote_address: "127.0.0.1" });
    expect(records[2]).toMatchObject({
      request: { path: "strongroom.v1.KvService/Get" },
      error: expect.stringContaining("no token") as string,
    });
    expect(error.metadata.get("strongroom-request-id")).toEqual([records[2]?.request["id"]]);
    expect(JSON.stringify(records)).not.toContain("canary-4c");
  });
});
