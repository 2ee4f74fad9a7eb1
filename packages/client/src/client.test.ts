import { createHash, X509Certificate } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { status } from "@grpc/grpc-js";
import { fromUtf8 } from "@strongroom/runtime";
import { nodeEntropy } from "@strongroom/runtime/node";
import { afterEach, describe, expect, it } from "vitest";
import { makeServerCertificates } from "../../cluster/src/membership/certificates.ts";
import { type ClientParts, StrongroomClient } from "./client.ts";
import {
  AbortedError,
  CallError,
  CheckAndSetError,
  ClientOptionsError,
  NotCommittedError,
  OutcomeUnknownError,
  PermissionDeniedError,
  SealedError,
  UnavailableError,
} from "./errors.ts";
import { type FakeNode, Refusal, startFakeNode } from "./testing/fake-node.ts";
import type { ConnectOptions } from "./types.ts";

let cleanups: (() => void)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.reverse()) cleanup();
  cleanups = [];
});

/** The first node is asked first. */
const IN_ORDER: Partial<ClientParts> = { random: { below: () => 0 }, environment: {} };
const hang = () => new Promise(() => undefined);
const refuse = (grpcStatus: status, code?: string) => () => Promise.reject(new Refusal(grpcStatus, code));

async function start(count: number, options: ConnectOptions = {}) {
  const nodes: FakeNode[] = [];
  for (let i = 0; i < count; i++) nodes.push(await startFakeNode());
  const addresses = nodes.map(({ address }) => address);
  const client = await StrongroomClient.connect({ addresses, insecure: true, token: "t", ...options }, IN_ORDER);
  cleanups.push(...nodes.map((node) => () => node.close()), () => client.close());
  return { nodes: nodes as [FakeNode, ...FakeNode[]], second: nodes[1] as FakeNode, client, kv: client.kv("secret") };
}

async function failureOf(call: Promise<unknown>): Promise<CallError> {
  const error = await call.then(
    () => expect.unreachable("the call succeeded"),
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(CallError);
  return error as CallError;
}

describe("a call", () => {
  it("gives data, the bytes as they are stored, and the version", async () => {
    const { kv, nodes } = await start(1);
    const secret = await kv.get<{ readonly n: number }>("a");
    expect(secret?.data?.n).toBe(1);
    expect(fromUtf8(secret?.bytes ?? new Uint8Array())).toBe('{"n": 1.0}');
    expect(secret?.version).toEqual({
      number: 3,
      createdTime: new Date(1000),
      deletionTime: undefined,
      destroyed: false,
      customMetadata: {},
    });
    expect(nodes[0].tokens).toEqual(["t"]);
  });

  it("does not send the token where none is needed", async () => {
    const { client, nodes } = await start(1);
    expect(await client.sys.sealStatus()).toMatchObject({ type: "shamir", sealed: true, threshold: 3 });
    expect(nodes[0].tokens).toEqual([undefined]);
  });

  it("finds nothing as undefined", async () => {
    const { kv, nodes } = await start(1);
    nodes[0].script = [refuse(status.NOT_FOUND, "not_found")];
    expect(await kv.get("a")).toBeUndefined();
  });

  it.each([
    [status.PERMISSION_DENIED, "permission_denied", PermissionDeniedError],
    [status.UNAUTHENTICATED, "missing_token", PermissionDeniedError],
    [status.FAILED_PRECONDITION, "check_and_set_mismatch", CheckAndSetError],
    [status.INVALID_ARGUMENT, "invalid_request", CallError],
    [status.RESOURCE_EXHAUSTED, undefined, CallError],
  ])("is not repeated after status %i with code %s", async (grpcStatus, code, expected) => {
    const { kv, nodes, second } = await start(2);
    nodes[0].script = [refuse(grpcStatus, code)];
    const error = await failureOf(kv.put("a", {}));
    expect(error).toBeInstanceOf(expected);
    expect(error).toMatchObject({ code: code ?? "refused", address: nodes[0].address, grpcStatus });
    expect(error.recordedAs).toBe(code === undefined ? undefined : `recorded-${code}`);
    expect(second.tokens).toEqual([]);
  });
});

describe("a repeated call", () => {
  it.each([
    [status.UNAVAILABLE, "unavailable"],
    [status.UNAVAILABLE, "sealed"],
    [status.ABORTED, "not_committed"],
    [status.UNKNOWN, "outcome_unknown"],
    [status.UNKNOWN, undefined],
  ])("goes to the next node after status %i with code %s, and later calls stay there", async (grpcStatus, code) => {
    const { kv, nodes, second } = await start(2);
    nodes[0].script = [refuse(grpcStatus, code)];
    expect((await kv.put("a", {})).number).toBe(3);
    await kv.get("a");
    expect([nodes[0].tokens.length, second.tokens.length]).toEqual([1, 2]);
  });

  it("carries the write's request id through all its tries, and another write has another", async () => {
    const { kv, nodes, second } = await start(2);
    const seen: string[] = [];
    nodes[0].script = [refuse(status.ABORTED, "not_committed"), () => undefined];
    second.script = [refuse(status.ABORTED, "not_committed"), () => undefined];
    await kv.put("a", {}, { requestId: "0198c0de-0000-7000-8000-000000000001" });
    nodes[0].script = [() => undefined];
    await kv.put("b", {});
    await kv.put("c", {});
    for (const { requestId } of [...nodes[0].puts, ...second.puts]) seen.push(requestId);
    expect(seen).toContain("0198c0de-0000-7000-8000-000000000001");
    expect(new Set(seen).size).toBe(3);
    expect(seen.every((id) => /^[0-9a-f-]{14}7[0-9a-f-]{21}$/.test(id))).toBe(true);
  });

  it("survives a node that is gone, and finds it again when all others are", async () => {
    const { kv, nodes, second } = await start(2);
    const port = Number(nodes[0].address.split(":")[1]);
    nodes[0].close();
    await kv.put("a", {});
    expect(second.puts.length).toBe(1);
    const again = await startFakeNode(undefined, port);
    cleanups.push(() => again.close());
    second.close();
    await kv.put("b", {});
    expect(again.puts.length).toBe(1);
  });

  it("does not wait for ever at a node that hangs", async () => {
    const { kv, nodes, second } = await start(2, { deadlineMs: 3000 });
    nodes[0].script = [hang];
    await kv.put("a", {});
    expect(second.puts.length).toBe(1);
  });

  it("ends after as many tries as allowed", async () => {
    const { kv, nodes } = await start(1, { retry: { maxTries: 3 } });
    nodes[0].script = [refuse(status.ABORTED, "not_committed")];
    expect(await failureOf(kv.put("a", {}))).toBeInstanceOf(NotCommittedError);
    expect(nodes[0].tokens.length).toBe(3);
  });
});

describe("a call that fails in the end", () => {
  it("says at once that all nodes are sealed", async () => {
    const { kv, nodes, second } = await start(2);
    nodes[0].script = second.script = [refuse(status.UNAVAILABLE, "sealed")];
    expect(await failureOf(kv.get("a"))).toBeInstanceOf(SealedError);
    expect([nodes[0].tokens.length, second.tokens.length]).toEqual([1, 1]);
  });

  it("is of unknown outcome when any try of a write may have been done", async () => {
    const { kv, nodes, second } = await start(2, { deadlineMs: 300 });
    nodes[0].script = [refuse(status.UNKNOWN, "outcome_unknown"), refuse(status.ABORTED, "not_committed")];
    second.script = [refuse(status.ABORTED, "not_committed")];
    const error = await failureOf(kv.put("a", {}));
    expect(error).toBeInstanceOf(OutcomeUnknownError);
    expect(error.code).toBe("outcome_unknown");
  });

  it.each([
    [status.FAILED_PRECONDITION, "check_and_set_mismatch", CheckAndSetError],
    [status.PERMISSION_DENIED, "permission_denied", PermissionDeniedError],
    [status.FAILED_PRECONDITION, "idempotency_key_expired", OutcomeUnknownError],
    [status.INTERNAL, "internal", OutcomeUnknownError],
  ])("after a lost try: status %i with code %s", async (grpcStatus, code, expected) => {
    const { kv, nodes, second } = await start(2);
    nodes[0].script = [refuse(status.UNKNOWN, "outcome_unknown")];
    second.script = [refuse(grpcStatus, code)];
    expect(await failureOf(kv.put("a", {}, { cas: 1 }))).toBeInstanceOf(expected);
  });

  it("is unavailable for a read at the deadline", async () => {
    const { kv, nodes } = await start(1, { deadlineMs: 100 });
    nodes[0].script = [hang];
    expect(await failureOf(kv.get("a"))).toBeInstanceOf(UnavailableError);
    expect(await failureOf(kv.put("a", {}))).toBeInstanceOf(OutcomeUnknownError);
  });

  it("was never sent when nobody listens, which leaves a write undone", async () => {
    const { kv, nodes } = await start(1, { deadlineMs: 300 });
    nodes[0].close();
    const error = await failureOf(kv.put("a", {}));
    expect(error).toBeInstanceOf(NotCommittedError);
    expect(error.code).toBe("not_committed");
    expect(await failureOf(kv.get("a"))).toBeInstanceOf(UnavailableError);
  });

  it("ends when the caller's signal does", async () => {
    const { kv, nodes } = await start(1);
    nodes[0].script = [hang];
    const abort = new AbortController();
    const call = failureOf(kv.get("a", { signal: abort.signal }));
    await expect.poll(() => nodes[0].tokens.length).toBe(1);
    abort.abort();
    expect(await call).toBeInstanceOf(AbortedError);
    expect(await failureOf(kv.get("a", { signal: AbortSignal.abort() }))).toBeInstanceOf(AbortedError);
  });

  it("fails after close", async () => {
    const { kv, client } = await start(1);
    client.close();
    client.close();
    await expect(kv.get("a")).rejects.toThrow("closed");
  });
});

describe("TLS", () => {
  const made = () =>
    makeServerCertificates({ hosts: ["127.0.0.1"], nowMs: Date.now(), entropy: nodeEntropy, ca: undefined });

  async function secure(options: (caPem: string) => ConnectOptions, hosts = made()) {
    const node = await startFakeNode({ cert: hosts.certPem, key: hosts.keyPem });
    cleanups.push(() => node.close());
    const client = await StrongroomClient.connect(
      { address: node.address, token: "t", deadlineMs: 600, ...options(hosts.caPem) },
      IN_ORDER,
    );
    cleanups.push(() => client.close());
    return client.kv("secret");
  }

  it("works with the CA's certificate, its file, or its fingerprint", async () => {
    const directory = mkdtempSync(join(tmpdir(), "strongroom-client-"));
    cleanups.push(() => rmSync(directory, { recursive: true }));
    const file = join(directory, "ca.crt");
    const fingerprint = (pem: string) => createHash("sha256").update(new X509Certificate(pem).raw).digest("hex");
    for (const options of [
      (caCert: string) => ({ caCert }),
      (caCert: string) => ({ caCert: Buffer.from(caCert) }),
      (caCert: string) => {
        writeFileSync(file, caCert);
        return { caCertFile: file };
      },
      (caCert: string) => ({ caFingerprint: fingerprint(caCert) }),
    ]) {
      const kv = await secure(options);
      expect((await kv.get("a"))?.version.number).toBe(3);
    }
  });

  it("refuses a server of another CA, however that is named", async () => {
    const other = made();
    const kv = await secure(() => ({ caCert: other.caPem }));
    expect(await failureOf(kv.get("a"))).toBeInstanceOf(UnavailableError);
    await expect(secure(() => ({ caFingerprint: "0".repeat(64) }))).rejects.toThrow(ClientOptionsError);
  });

  it("refuses a certificate that is for another address", async () => {
    const elsewhere = makeServerCertificates({
      hosts: ["10.0.0.1", "db.example"],
      nowMs: Date.now(),
      entropy: nodeEntropy,
      ca: undefined,
    });
    const kv = await secure((caCert) => ({ caCert }), elsewhere);
    expect(await failureOf(kv.get("a"))).toBeInstanceOf(UnavailableError);
  });
});

describe("options", () => {
  it.each([
    ["an address with a path", { address: "host:1/x" }],
    ["both address and addresses", { address: "a", addresses: ["b"] }],
    ["no address", { addresses: [] }],
    ["plain text to another machine", { address: "10.0.0.1:8202", insecure: true }],
    ["a token with a line break", { token: "a\nb" }],
    ["a fingerprint that is none", { caFingerprint: "abc" }],
    ["a CA file that is not there", { caCertFile: "/nonexistent/ca.crt" }],
    ["no time", { deadlineMs: 0 }],
  ])("with %s are refused", async (_name, options) => {
    await expect(StrongroomClient.connect(options, IN_ORDER)).rejects.toThrow(ClientOptionsError);
  });

  it("of a call are checked before it is sent", async () => {
    const { kv, nodes } = await start(1);
    await expect(kv.put("a", {}, { cas: -1 })).rejects.toThrow(ClientOptionsError);
    await expect(kv.get("a", { version: 1.5 })).rejects.toThrow(ClientOptionsError);
    await expect(kv.put("a", {}, { requestId: "7" })).rejects.toThrow(ClientOptionsError);
    expect(nodes[0].tokens).toEqual([]);
  });
});
