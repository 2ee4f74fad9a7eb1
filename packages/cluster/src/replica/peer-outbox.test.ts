import { type MsgAppResp, toIndex, toNodeId, toTerm } from "@strongroom/raft";
import { describe, expect, it } from "vitest";
import type { PeerMessage } from "../transport/message.ts";
import { PeerOutbox } from "./peer-outbox.ts";

const SELF = toNodeId(1);
const PEER = toNodeId(2);

function ack(index: number, { term = 1, reject = false } = {}): MsgAppResp {
  const envelope = { type: "MsgAppResp", from: SELF, to: PEER, term: toTerm(term) } as const;
  return { ...envelope, logTerm: toTerm(0), index: toIndex(index), reject, rejectHint: toIndex(0) };
}

const beat: PeerMessage = { type: "MsgHeartbeatResp", from: SELF, to: PEER, term: toTerm(1), readPosition: 0 };

function sent(outbox: PeerOutbox): readonly PeerMessage[] {
  return outbox.drain().flatMap((effect) => (effect.type === "send" ? effect.messages : []));
}

/** An outbox whose peer has heard of index 5. */
function acknowledged(): PeerOutbox {
  const outbox = new PeerOutbox();
  outbox.post(PEER, ack(5));
  expect(sent(outbox)).toEqual([ack(5)]);
  return outbox;
}

describe("an acknowledgement that says nothing new", () => {
  it("rides with the next message, before it", () => {
    const outbox = acknowledged();
    outbox.post(PEER, ack(5));
    expect(sent(outbox)).toEqual([]);
    outbox.post(PEER, beat);
    expect(sent(outbox)).toEqual([ack(5), beat]);
  });

  it("goes with the next tick at the latest, once", () => {
    const outbox = acknowledged();
    outbox.post(PEER, ack(5));
    outbox.post(PEER, ack(5));
    outbox.tick();
    expect(sent(outbox)).toEqual([ack(5)]);
    outbox.tick();
    expect(sent(outbox)).toEqual([]);
  });

  it("is none in another term, of another index, or if it refuses", () => {
    for (const other of [ack(5, { term: 2 }), ack(6), ack(5, { reject: true })]) {
      const outbox = acknowledged();
      outbox.post(PEER, other);
      expect(sent(outbox)).toEqual([other]);
    }
  });
});
