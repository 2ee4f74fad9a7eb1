import { buffer } from "node:stream/consumers";
import { pipeline } from "node:stream/promises";
import type { NodeId } from "@strongroom/raft";
import { utf8 } from "@strongroom/runtime";
import { SeededRandom, VirtualTime } from "@strongroom/runtime/testing";
import { describe, expect, it } from "vitest";
import { MemoryNetwork, type MemoryNetworkOptions } from "./memory-peer-transport.ts";
import type { PeerMessage } from "./message.ts";
import { heartbeat } from "./testing/messages.ts";
import type { PeerTransport } from "./transport.ts";

const A = 1 as NodeId;
const B = 2 as NodeId;
const C = 3 as NodeId;

function setUp(options: MemoryNetworkOptions = {}) {
  const time = new VirtualTime();
  const network = new MemoryNetwork(options, { clock: time, timers: time, random: new SeededRandom(3) });
  const nodes = [A, B, C].map((id) => {
    const node = {
      id,
      transport: network.connect(id),
      received: [] as PeerMessage[],
      log: [] as string[],
      streams: [] as Promise<Buffer>[],
    };
    node.transport.listen({
      onMessages: (_from, _wallMs, messages) => void node.received.push(...messages),
      onPeerUp: (peer) => node.log.push(`up ${peer}`),
      onPeerDown: (peer) => node.log.push(`down ${peer}`),
      onSnapshotStream: (_from, stream) => node.streams.push(buffer(stream)),
    });
    node.transport.setPeers([A, B, C].map((peer) => ({ id: peer, address: `memory:${peer}` })));
    return node;
  });
  time.advance(0);
  const [a, b, c] = nodes as [(typeof nodes)[0], (typeof nodes)[0], (typeof nodes)[0]];
  return { time, network, a, b, c };
}

const positions = (messages: readonly PeerMessage[]) =>
  messages.map((message) => (message.type === "MsgHeartbeat" ? message.readPosition : 0));

describe("MemoryNetwork", () => {
  it("delivers in order, late, and without the losses", () => {
    const { time, a, b } = setUp({ minDelayMs: 1, maxDelayMs: 50, lossPercent: 20 });
    for (let at = 1; at <= 200; at++) {
      a.transport.send(B, [heartbeat(A, B, at)]);
      time.advance(1);
    }
    time.advance(100);
    const got = positions(b.received);
    expect(got).toEqual([...got].sort((x, y) => x - y));
    expect(got.length).toBeGreaterThan(120);
    expect(got.length).toBeLessThan(195);
  });

  it("cuts one direction, partitions and heals, and tells the nodes", () => {
    const { time, network, a, b, c } = setUp();
    network.cut(A, B);
    time.advance(0);
    expect(a.transport.send(B, [heartbeat(A, B, 1)])).toBe(false);
    expect(b.transport.send(A, [heartbeat(B, A, 2)])).toBe(true);
    network.partition([[A], [B, C]]);
    expect(a.transport.send(C, [heartbeat(A, C, 3)])).toBe(false);
    expect(b.transport.send(C, [heartbeat(B, C, 4)])).toBe(true);
    network.heal();
    time.advance(0);
    expect(a.transport.send(B, [heartbeat(A, B, 5)])).toBe(true);
    time.advance(0);
    expect([a, b, c].map((node) => positions(node.received))).toEqual([[2], [5], [4]]);
    expect(a.log.slice(0, 4)).toEqual(["up 2", "up 3", "down 2", "up 2"]);
  });

  it("refuses removed ids, and forgets a closed node until it is plugged in again", async () => {
    const { time, network, a, b, c } = setUp();
    a.transport.setRemoved([C]);
    expect(a.transport.send(C, [heartbeat(A, C, 1)])).toBe(false);
    c.transport.send(A, [heartbeat(C, A, 1)]);
    await b.transport.close();
    time.advance(0);
    expect(a.received).toEqual([]);
    expect(a.transport.send(B, [heartbeat(A, B, 1)])).toBe(false);
    const again: PeerTransport = network.connect(B);
    const got: PeerMessage[] = [];
    const nothing = { onPeerUp() {}, onPeerDown() {}, onSnapshotStream() {} };
    again.listen({ onMessages: (_from, _wallMs, messages) => void got.push(...messages), ...nothing });
    time.advance(0);
    expect(a.transport.send(B, [heartbeat(A, B, 2)])).toBe(true);
    time.advance(0);
    expect(positions(got)).toEqual([2]);
  });

  it("carries calls and snapshot streams", async () => {
    const { time, a, b } = setUp();
    b.transport.serve("who", async (payload, caller) => utf8(`${caller.nodeId} ${payload.length}`));
    const call = (method: string) => a.transport.call(B, method, new Uint8Array(2), { timeoutMs: 1 });
    expect(Buffer.from(await call("who")).toString()).toBe("1 2");
    await expect(call("other")).rejects.toMatchObject({ code: "peer_refused", remoteCode: "unknown_method" });
    const stream = a.transport.openSnapshotStream(B);
    time.advance(0);
    await pipeline([utf8("snapshot")], stream);
    expect((await b.streams[0])?.toString()).toBe("snapshot");
  });
});
