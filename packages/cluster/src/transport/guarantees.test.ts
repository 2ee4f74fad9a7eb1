/** Promises of docs/guarantees.md that port 8201 keeps by itself, whatever a caller's own software would do. */
import { once } from "node:events";
import { connect } from "node:tls";
import { Client, credentials, type ServiceError } from "@grpc/grpc-js";
import { CallRequestSchema, create, toBinary } from "@strongroom/proto";
import type { NodeId } from "@strongroom/raft";
import { ByteWriter, utf8 } from "@strongroom/runtime";
import { nodeEntropy } from "@strongroom/runtime/node";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { certificatePem, createClusterCa } from "../membership/certificates.ts";
import type { NodeIdentity } from "../membership/identity.ts";
import { parseHostPort } from "./address.ts";
import { encodeMessage } from "./codec.ts";
import { CODE_METADATA } from "./control-server.ts";
import { encodeFrame, encodeHello } from "./frame.ts";
import { heartbeat } from "./testing/messages.ts";
import { TEST_CLUSTER_ID, type TestNode, TestNodes } from "./testing/tls-nodes.ts";
import { ALPN, clientTlsOptions, tlsIdentity } from "./tls-identity.ts";

const A = 1 as NodeId;
const B = 2 as NodeId;
const OTHER_CLUSTER = "11111111-2222-4333-8444-555555555555";
let nodes: TestNodes;
let a: TestNode;

beforeEach(async () => {
  nodes = new TestNodes();
  a = await nodes.start(nodes.identity(A));
});
afterEach(() => nodes.close());

/** Says everything right that a node `from` says first, and sends a message. Resolves when it was taken, or all is over. */
async function knock(identity: NodeIdentity, from: NodeId, clusterId: string = TEST_CLUSTER_ID): Promise<void> {
  const options = { ...clientTlsOptions(tlsIdentity(identity), ALPN.peer), rejectUnauthorized: false };
  const socket = connect({ ...parseHostPort(a.transport.address), ...options });
  socket.on("error", () => {});
  socket.resume();
  const writer = new ByteWriter(64);
  encodeMessage(writer, heartbeat(from, A, 1), { from, to: A });
  const hello = encodeHello({ clusterId, from, to: A, newestVersion: 1 });
  socket.once("secureConnect", () => {
    socket.write(Buffer.concat([encodeFrame("hello", 0, hello), encodeFrame("batch", 0, writer.finish())]));
  });
  const closed = once(socket, "close").then(() => true);
  while (a.received.length === 0) {
    const ended = await Promise.race([closed, new Promise((resolve) => setTimeout(() => resolve(false), 5))]);
    if (ended === true) return;
  }
  socket.destroy();
}

describe("a message on port 8201", () => {
  it("is taken from a node of the cluster", async () => {
    await knock(nodes.identity(B), B);
    expect(a.received).toMatchObject([{ from: B, message: { type: "MsgHeartbeat" } }]);
  });

  it.each<[string, () => Promise<void>]>([
    [
      "another authority",
      () => knock(nodes.identity(B, createClusterCa({ clusterId: TEST_CLUSTER_ID, entropy: nodeEntropy })), B),
    ],
    ["another cluster", () => knock(nodes.identity(B, nodes.ca, OTHER_CLUSTER), B)],
    ["another cluster that names this one", () => knock(nodes.identity(B, nodes.ca, OTHER_CLUSTER), B, OTHER_CLUSTER)],
    ["this node itself", () => knock(nodes.identity(A), A)],
    ["one node in another's name", () => knock(nodes.identity(B), 3 as NodeId)],
  ])("is not taken from %s", async (_who, knocking) => {
    await knocking();
    expect(a.received).toEqual([]);
  });

  it("is not taken from a removed node, whatever it says", async () => {
    const removed = nodes.identity(B);
    a.transport.setRemoved([B]);
    await knock(removed, B);
    expect(a.received).toEqual([]);
  });
});

describe("a call on port 8201", () => {
  it("without a certificate is refused by the server, unless it is Join", async () => {
    let calls = 0;
    a.transport.serve("anything", async () => {
      calls++;
      return utf8("secret");
    });
    const ca = Buffer.from(certificatePem(nodes.ca.certificateDer));
    const client = new Client(
      a.transport.address,
      credentials.createSsl(ca, null, null, { checkServerIdentity: () => undefined }),
      { "grpc.ssl_target_name_override": "node", "grpc.default_authority": "node" },
    );
    const request = toBinary(CallRequestSchema, create(CallRequestSchema, { method: "anything" }));
    const error = await new Promise<ServiceError | null>((resolve) => {
      client.makeUnaryRequest(
        "/strongroom.cluster.v1.ControlService/Call",
        (bytes: Uint8Array) => Buffer.from(bytes),
        (bytes) => bytes,
        request,
        (failure) => resolve(failure),
      );
    });
    client.close();
    expect(error?.metadata.get(CODE_METADATA)).toEqual(["no_certificate"]);
    expect(calls).toBe(0);
  });
});
