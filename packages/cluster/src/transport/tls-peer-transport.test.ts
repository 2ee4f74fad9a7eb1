import { once } from "node:events";
import { connect as connectTcp } from "node:net";
import { buffer } from "node:stream/consumers";
import { pipeline } from "node:stream/promises";
import { type ConnectionOptions, connect, createServer } from "node:tls";
import type { NodeId } from "@strongroom/raft";
import { assert, utf8 } from "@strongroom/runtime";
import { nodeEntropy } from "@strongroom/runtime/node";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { caFingerprint, createClusterCa } from "../membership/certificates.ts";
import type { NodeIdentity } from "../membership/identity.ts";
import { parseHostPort } from "./address.ts";
import { encodeFrame, encodeHello } from "./frame.ts";
import { append, heartbeat } from "./testing/messages.ts";
import { acquaint, TEST_CLUSTER_ID, TestNodes } from "./testing/tls-nodes.ts";
import { ALPN, clientTlsOptions, serverTlsOptions, tlsIdentity } from "./tls-identity.ts";
import { JOIN_METHOD, PeerCallError } from "./transport.ts";

const A = 1 as NodeId;
const B = 2 as NodeId;
const C = 3 as NodeId;
let nodes: TestNodes;

beforeEach(() => {
  nodes = new TestNodes();
});
afterEach(() => nodes.close());

const eventually = (check: () => void) => vi.waitFor(check, { timeout: 10_000, interval: 5 });

/** Whether a connection made with `options` is closed by the other side without our doing. */
async function isClosedByServer(address: string, options: ConnectionOptions, bytes?: Uint8Array): Promise<boolean> {
  const { host, port } = parseHostPort(address);
  const socket = connect({ host, port, ...options });
  socket.on("error", () => {});
  socket.once("secureConnect", () => bytes && socket.write(bytes));
  socket.resume();
  await new Promise<void>((resolve) => socket.once("close", () => resolve()));
  return true;
}

describe("streams of messages", () => {
  it("carry messages both ways, with the sender's clock, between nodes that prove who they are", async () => {
    const a = await nodes.start(nodes.identity(A));
    const b = await nodes.start(nodes.identity(B));
    expect(a.transport.send(B, [heartbeat(A, B, 1)])).toBe(false);
    acquaint([a, b]);
    await eventually(() => expect([a.up, b.up]).toEqual([[B], [A]]));
    expect(a.transport.send(B, [heartbeat(A, B, 1), append(A, B, 4, 100)])).toBe(true);
    expect(b.transport.send(A, [heartbeat(B, A, 2)])).toBe(true);
    await eventually(() => expect(b.received.length).toBe(2));
    await eventually(() => expect(a.received.length).toBe(1));
    expect(b.received.map(({ from, message }) => ({ from, message }))).toEqual([
      { from: A, message: heartbeat(A, B, 1) },
      { from: A, message: append(A, B, 4, 100) },
    ]);
    expect(Math.abs((b.received[0]?.wallMs ?? 0) - Date.now())).toBeLessThan(60_000);
  });

  it("let heartbeats pass while a large entry is on its way", async () => {
    const a = await nodes.start(nodes.identity(A));
    const b = await nodes.start(nodes.identity(B));
    acquaint([a, b]);
    await eventually(() => expect(a.up).toEqual([B]));
    a.transport.send(B, [append(A, B, 1, 4 * 1024 * 1024)]);
    await Promise.resolve();
    a.transport.send(B, [heartbeat(A, B, 9)]);
    await eventually(() => expect(b.received.length).toBe(2));
    expect(b.received.map(({ message }) => message.type)).toEqual(["MsgHeartbeat", "MsgApp"]);
    const large = b.received[1]?.message;
    expect(large?.type === "MsgApp" && large.entries[0]?.data.length).toBe(4 * 1024 * 1024);
  });

  it("drop appends that a stopped peer does not take, and go on when it does", async () => {
    const a = await nodes.start(nodes.identity(A), {}, { limits: { backlogBytes: 100_000 } });
    const b = await nodes.start(nodes.identity(B));
    acquaint([a, b]);
    await eventually(() => expect(a.up).toEqual([B]));
    let dropped = 0;
    for (let at = 0; at < 20; at++) if (!a.transport.send(B, [append(A, B, at, 30_000)])) dropped++;
    expect(dropped).toBeGreaterThan(0);
    await eventually(() => expect(b.received.length).toBe(20 - dropped));
    expect(a.transport.send(B, [append(A, B, 20, 10)])).toBe(true);
    await eventually(() => expect(b.received.length).toBe(21 - dropped));
  });

  it("come back by themselves after a break, and after a restart of the peer", async () => {
    const a = await nodes.start(nodes.identity(A));
    const identity = nodes.identity(B);
    const b = await nodes.start(identity);
    acquaint([a, b]);
    await eventually(() => expect(a.up).toEqual([B]));
    b.transport.disconnect(A);
    await eventually(() => expect(a.up).toEqual([B, B]));
    expect(a.down).toEqual([B]);
    const listen = parseHostPort(b.transport.address);
    await b.transport.close();
    await eventually(() => expect(a.down).toEqual([B, B]));
    const again = await nodes.start(identity, {}, { listen });
    await eventually(() => expect(a.up.length).toBe(3));
    a.transport.send(B, [heartbeat(A, B, 3)]);
    await eventually(() => expect(again.received.length).toBe(1));
  });

  it("give a peer up that takes the connection but never answers, and dial it again", async () => {
    const timing = { pingIntervalMs: 5, missedPongs: 3, minBackoffMs: 5, maxBackoffMs: 10 };
    const a = await nodes.start(nodes.identity(A), {}, { timing });
    let accepted = 0;
    const deaf = createServer(serverTlsOptions(tlsIdentity(nodes.identity(B)), 5000), (socket) => {
      accepted++;
      socket.on("error", () => {});
      socket.resume();
    });
    deaf.listen(0, "127.0.0.1");
    await once(deaf, "listening");
    const bound = deaf.address();
    assert(bound !== null && typeof bound === "object", "the server listens");
    a.transport.setPeers([{ id: B, address: `127.0.0.1:${bound.port}` }]);
    await eventually(() => expect(accepted).toBeGreaterThan(1));
    expect(a.up).toEqual([]);
    await a.transport.close();
    await new Promise((resolve) => deaf.close(resolve));
  });
});

describe("who is let in", () => {
  const optionsOf = (identity: NodeIdentity, protocol: (typeof ALPN)[keyof typeof ALPN]) => ({
    ...clientTlsOptions(tlsIdentity(identity), protocol),
    rejectUnauthorized: false,
  });

  it("nobody with a certificate of another authority, though it has the same names", async () => {
    const a = await nodes.start(nodes.identity(A));
    const foreign = nodes.identity(B, createClusterCa({ clusterId: TEST_CLUSTER_ID, entropy: nodeEntropy }));
    for (const protocol of Object.values(ALPN))
      expect(await isClosedByServer(a.transport.address, optionsOf(foreign, protocol))).toBe(true);
  });

  it("nobody with a certificate of the right authority for another cluster", async () => {
    const a = await nodes.start(nodes.identity(A));
    const foreign = nodes.identity(B, nodes.ca, "00000000-0000-4000-8000-000000000000");
    expect(await isClosedByServer(a.transport.address, optionsOf(foreign, ALPN.peer))).toBe(true);
  });

  it("nobody without a certificate, nor with an unknown protocol or an older TLS", async () => {
    const a = await nodes.start(nodes.identity(A));
    const nobody = { rejectUnauthorized: false };
    expect(await isClosedByServer(a.transport.address, { ...nobody, ALPNProtocols: [ALPN.peer] })).toBe(true);
    expect(await isClosedByServer(a.transport.address, { ...nobody, ALPNProtocols: [ALPN.snapshot] })).toBe(true);
    expect(await isClosedByServer(a.transport.address, { ...nobody, ALPNProtocols: ["http/1.1"] })).toBe(true);
    expect(await isClosedByServer(a.transport.address, { ...nobody })).toBe(true);
    const old = { ...optionsOf(nodes.identity(B), ALPN.peer), minVersion: "TLSv1.2", maxVersion: "TLSv1.2" } as const;
    expect(await isClosedByServer(a.transport.address, old)).toBe(true);
  });

  it("no removed id, whose open connections are closed; others stay", async () => {
    const a = await nodes.start(nodes.identity(A));
    const b = await nodes.start(nodes.identity(B));
    const c = await nodes.start(nodes.identity(C));
    acquaint([a, b, c]);
    await eventually(() => expect([a.up.length, b.up.length, c.up.length]).toEqual([2, 2, 2]));
    a.transport.setRemoved([B]);
    await eventually(() => expect(b.down).toContain(A));
    expect(a.transport.send(B, [heartbeat(A, B, 1)])).toBe(false);
    expect(await isClosedByServer(a.transport.address, optionsOf(b.identity, ALPN.peer))).toBe(true);
    await expect(b.transport.call(A, "ping", utf8("x"), { timeoutMs: 5000 })).rejects.toThrow(PeerCallError);
    c.transport.send(A, [heartbeat(C, A, 1)]);
    await eventually(() => expect(a.received.length).toBe(1));
    expect(c.down).toEqual([]);
  });

  it("no copy of this node itself", async () => {
    const identity = nodes.identity(A);
    const a = await nodes.start(identity);
    expect(await isClosedByServer(a.transport.address, optionsOf(identity, ALPN.peer))).toBe(true);
  });

  it("no node in another's place: a peer's address that answers with another id is refused by the dialler", async () => {
    const a = await nodes.start(nodes.identity(A));
    const c = await nodes.start(nodes.identity(C));
    a.transport.setPeers([{ id: B, address: c.transport.address }]);
    await expect(a.transport.call(B, "ping", utf8("x"), { timeoutMs: 2000 })).rejects.toThrow(PeerCallError);
    expect(a.up).toEqual([]);
  });

  it("no more handshakes from one address at a time than the limit, however long they dawdle", async () => {
    const a = await nodes.start(nodes.identity(A), {}, { limits: { handshakesPerAddress: 2 } });
    const b = await nodes.start(nodes.identity(B));
    acquaint([a, b]);
    await eventually(() => expect(b.up).toEqual([A]));
    const { host, port } = parseHostPort(a.transport.address);
    const dawdlers = [connectTcp(port, host), connectTcp(port, host), connectTcp(port, host)];
    const closed = dawdlers.map(
      (socket) => new Promise((resolve) => socket.on("error", () => {}).once("close", resolve)),
    );
    await closed[2];
    expect(dawdlers.map((socket) => socket.destroyed)).toEqual([false, false, true]);
    for (const socket of dawdlers) socket.destroy();
    await Promise.all(closed);
    const again = await nodes.start(nodes.identity(C));
    again.transport.setPeers([{ id: A, address: a.transport.address }]);
    await eventually(() => expect(again.up).toEqual([A]));
  });

  it("no bytes but those of a node, whatever certificate they come with", async () => {
    const a = await nodes.start(nodes.identity(A));
    const options = optionsOf(nodes.identity(B), ALPN.peer);
    const { address } = a.transport;
    const hello = encodeFrame(
      "hello",
      0,
      encodeHello({ clusterId: TEST_CLUSTER_ID, from: B, to: A, newestVersion: 1 }),
    );
    const lie = encodeFrame("hello", 0, encodeHello({ clusterId: TEST_CLUSTER_ID, from: C, to: A, newestVersion: 1 }));
    const garbage = encodeFrame("batch", 0, Uint8Array.of(1, 2, 3));
    expect(await isClosedByServer(address, options, utf8("GET / HTTP/1.1\r\n\r\n"))).toBe(true);
    expect(await isClosedByServer(address, options, lie)).toBe(true);
    expect(await isClosedByServer(address, options, garbage)).toBe(true);
    expect(await isClosedByServer(address, options, Buffer.concat([hello, garbage]))).toBe(true);
    expect(await isClosedByServer(address, { ...options, ALPNProtocols: [ALPN.snapshot] }, lie)).toBe(true);
    expect(
      await isClosedByServer(address, { ...options, ALPNProtocols: [ALPN.control] }, utf8("not http/2 at all.......")),
    ).toBe(true);
    expect(a.received).toEqual([]);
    const b = await nodes.start(nodes.identity(B));
    acquaint([a, b]);
    await eventually(() => expect(b.up).toEqual([A]));
  });
});

describe("calls", () => {
  it("reach a member's handler, which learns the caller from its certificate", async () => {
    const a = await nodes.start(nodes.identity(A));
    const b = await nodes.start(nodes.identity(B));
    acquaint([a, b]);
    b.transport.serve("who", async (payload, caller) =>
      utf8(`${caller.nodeId} from ${caller.remoteAddress} ${payload.length}`),
    );
    const call = (size: number) => a.transport.call(B, "who", new Uint8Array(size), { timeoutMs: 5000 });
    expect(Buffer.from(await call(3)).toString()).toBe("1 from 127.0.0.1 3");
    expect(Buffer.from(await call(5_000_000)).toString()).toBe("1 from 127.0.0.1 5000000");
    a.transport.serve("who", async (_, caller) => utf8(String(caller.nodeId)));
    const own = await a.transport.call(A, "who", new Uint8Array(0), { timeoutMs: 5000 });
    expect(Buffer.from(own).toString()).toBe("1");
  });

  it("fail with the code of the handler's error, or a reason", async () => {
    const a = await nodes.start(nodes.identity(A));
    const b = await nodes.start(nodes.identity(B));
    acquaint([a, b]);
    b.transport.serve("typed", async () => {
      throw new PeerCallError("peer_unavailable", "not now, ünd why");
    });
    b.transport.serve("bug", async () => {
      throw new TypeError("a secret detail");
    });
    b.transport.serve("slow", () => new Promise(() => {}));
    const call = (method: string, timeoutMs = 5000) => a.transport.call(B, method, new Uint8Array(0), { timeoutMs });
    await expect(call("typed")).rejects.toMatchObject({
      code: "peer_refused",
      remoteCode: "peer_unavailable",
      message: "not now, ünd why",
    });
    await expect(call("missing")).rejects.toMatchObject({ code: "peer_refused", remoteCode: "unknown_method" });
    await expect(call("bug")).rejects.toMatchObject({
      code: "peer_refused",
      message: expect.not.stringContaining("secret"),
    });
    await expect(call("slow", 50)).rejects.toMatchObject({ code: "peer_unavailable" });
    await b.transport.close();
    await expect(call("typed")).rejects.toMatchObject({ code: "peer_unavailable" });
    await expect(a.transport.call(C, "typed", new Uint8Array(0), { timeoutMs: 50 })).rejects.toThrow("not among");
  });

  it("without a certificate reach Join alone", async () => {
    const a = await nodes.start(nodes.identity(A));
    const callers: unknown[] = [];
    a.transport.serve(JOIN_METHOD, async (_, caller) => {
      callers.push(caller);
      return new Uint8Array(0);
    });
    a.transport.serve("other", async () => utf8("open"));
    const newcomer = nodes.transport();
    const pinned = { address: a.transport.address, caFingerprint: caFingerprint(nodes.ca.certificateDer) };
    const call = (to: typeof pinned, method: string) =>
      newcomer.call(to, method, new Uint8Array(0), { timeoutMs: 5000 });
    expect(await call(pinned, JOIN_METHOD)).toEqual(new Uint8Array(0));
    expect(callers).toEqual([{ remoteAddress: "127.0.0.1" }]);
    await expect(call(pinned, "other")).rejects.toMatchObject({ remoteCode: "no_certificate" });
    const wrong = { ...pinned, caFingerprint: "00".repeat(32) };
    await expect(call(wrong, JOIN_METHOD)).rejects.toMatchObject({ remoteCode: "wrong_cluster" });
    expect(callers.length).toBe(1);
  });
});

describe("an address that is none", () => {
  it("is an error of the call or the stream, and hurts no other peer", async () => {
    const a = await nodes.start(nodes.identity(A));
    const b = await nodes.start(nodes.identity(B));
    a.transport.setPeers([
      { id: B, address: b.transport.address },
      { id: C, address: "https://nowhere" },
    ]);
    await eventually(() => expect(a.up).toEqual([B]));
    expect(a.transport.send(C, [heartbeat(A, C, 1)])).toBe(false);
    await expect(a.transport.call(C, "x", new Uint8Array(0), { timeoutMs: 50 })).rejects.toThrow(PeerCallError);
    const nowhere = { address: "nowhere", caFingerprint: "00".repeat(32) };
    await expect(a.transport.call(nowhere, JOIN_METHOD, new Uint8Array(0), { timeoutMs: 50 })).rejects.toThrow(
      PeerCallError,
    );
    for (const id of [C, 9 as NodeId])
      await expect(pipeline([utf8("x")], a.transport.openSnapshotStream(id))).rejects.toThrow(PeerCallError);
    a.transport.setPeers([{ id: B, address: b.transport.address }]);
    expect(a.transport.send(B, [heartbeat(A, B, 1)])).toBe(true);
  });
});

describe("snapshot streams", () => {
  it("carry bytes to the named node, at the pace of its reading", async () => {
    const content = Buffer.alloc(3_000_000, 7);
    let received: Promise<Buffer> = Promise.reject(new Error("nothing came"));
    received.catch(() => {});
    let sender: NodeId | undefined;
    const a = await nodes.start(nodes.identity(A));
    const b = await nodes.start(nodes.identity(B), {
      onSnapshotStream: (from, stream) => {
        sender = from;
        received = buffer(stream);
      },
    });
    acquaint([a, b]);
    const chunks = Array.from({ length: 30 }, (_, at) => content.subarray(at * 100_000, (at + 1) * 100_000));
    await pipeline(chunks, a.transport.openSnapshotStream(B));
    expect(sender).toBe(A);
    expect((await received).equals(content)).toBe(true);
  });

  it("fail when the receiver gives up, and when there is none", async () => {
    const a = await nodes.start(nodes.identity(A));
    const b = await nodes.start(nodes.identity(B));
    acquaint([a, b]);
    const endless = function* () {
      for (;;) yield new Uint8Array(100_000);
    };
    await expect(pipeline(endless(), a.transport.openSnapshotStream(B))).rejects.toThrow(PeerCallError);
    await b.transport.close();
    await expect(pipeline(endless(), a.transport.openSnapshotStream(B))).rejects.toThrow(PeerCallError);
  });
});
