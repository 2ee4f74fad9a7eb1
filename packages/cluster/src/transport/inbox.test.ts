import type { NodeId } from "@strongroom/raft";
import { describe, expect, it } from "vitest";
import { encodeMessage, messageBytesBound } from "./codec.ts";
import { encodeFrame, encodeHello, FrameBuilder, FrameReader } from "./frame.ts";
import { Inbox } from "./inbox.ts";
import type { PeerMessage } from "./message.ts";
import { append } from "./testing/messages.ts";

const route = { from: 3 as NodeId, to: 4 as NodeId };

describe("what comes in", () => {
  it("keeps nothing of the socket's bytes, which are used again", () => {
    const sent = append(route.from, route.to, 4, 9);
    const delivered: PeerMessage[] = [];
    const inbox = new Inbox({
      clusterId: "c",
      route,
      deliver: (_senderWallMs, messages) => delivered.push(...messages),
      onPing: () => {},
    });
    const reader = new FrameReader((frame) => inbox.take(frame));
    reader.push(encodeFrame("hello", 1, encodeHello({ clusterId: "c", ...route, newestVersion: 1 })));
    const builder = new FrameBuilder("batch", 1, messageBytesBound(sent));
    encodeMessage(builder.writer, sent, route);
    const bytes = builder.seal();
    reader.push(bytes);
    bytes.fill(0);
    expect(delivered).toEqual([sent]);
  });
});
