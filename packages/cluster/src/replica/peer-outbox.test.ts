import { type MsgApp, type MsgAppResp, toIndex, toNodeId, toTerm } from "@strongroom/raft";
import { describe, expect, it } from "vitest";
import type { PeerMessage } from "../transport/message.ts";
import { BUSY_TICKS, PeerOutbox } from "./peer-outbox.ts";

const SELF = toNodeId(1);
const PEER = toNodeId(2);

function ack(index: number, { term = 1, reject = false } = {}): MsgAppResp {
  const envelope = { type: "MsgAppResp", from: SELF, to: PEER, term: toTerm(term) } as const;
  return { ...envelope, logTerm: toTerm(0), index: toIndex(index), reject, rejectHint: toIndex(0) };
}

function append(index: number, { commit = 0, entries = 0, term = 1 } = {}): MsgApp {
  const envelope = { type: "MsgApp", from: SELF, to: PEER, term: toTerm(term), logTerm: toTerm(1) } as const;
  const data = new Uint8Array(1);
  const made = Array.from({ length: entries }, (_, i) => {
    return { term: toTerm(1), index: toIndex(index + 1 + i), type: "EntryNormal", data } as const;
  });
  return { ...envelope, index: toIndex(index), commit: toIndex(commit), entries: made };
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

describe("a leader's word of a commit index", () => {
  /** An outbox whose peer was sent the entries 6 and 7, and told that 5 is committed. */
  function appended(): PeerOutbox {
    const outbox = new PeerOutbox();
    outbox.post(PEER, append(5, { entries: 2, commit: 5 }));
    sent(outbox);
    return outbox;
  }

  it("waits for the next message where nobody waits for its entries, and goes before it", () => {
    const outbox = appended();
    outbox.post(PEER, append(7, { commit: 6 }));
    outbox.post(PEER, append(7, { commit: 7 }));
    expect(sent(outbox)).toEqual([]);
    outbox.post(PEER, beat);
    expect(sent(outbox)).toEqual([append(7, { commit: 7 }), beat]);
  });

  it("is told by the next append instead", () => {
    const outbox = appended();
    outbox.post(PEER, append(7, { commit: 7 }));
    outbox.post(PEER, append(7, { commit: 7, entries: 1 }));
    expect(sent(outbox)).toEqual([append(7, { commit: 7, entries: 1 })]);
    outbox.tick();
    expect(sent(outbox)).toEqual([]);
  });

  it("goes with the next tick at the latest", () => {
    const outbox = appended();
    outbox.post(PEER, append(7, { commit: 7 }));
    outbox.tick();
    expect(sent(outbox)).toEqual([append(7, { commit: 7 })]);
  });

  it("goes at once where somebody waits for its entries, until that was told", () => {
    const outbox = appended();
    outbox.awaits(PEER, 7);
    for (const commit of [6, 7]) {
      outbox.post(PEER, append(7, { commit }));
      expect(sent(outbox)).toEqual([append(7, { commit })]);
    }
    outbox.post(PEER, append(7, { commit: 8 }));
    expect(sent(outbox)).toEqual([]);
    outbox.awaits("all", 9);
    outbox.post(PEER, append(7, { commit: 9 }));
    outbox.post(PEER, append(7, { commit: 10 }));
    expect(sent(outbox)).toHaveLength(2);
  });

  it("goes at once to a peer that asked for something lately", () => {
    const read: PeerMessage = { type: "MsgReadIndex", from: PEER, to: SELF, term: toTerm(1), context: 1 };
    for (const asked of [read, { type: "propose", batch: 1, commands: [] } as const]) {
      const outbox = appended();
      outbox.heard(PEER, [beat, asked]);
      for (let tick = 1; tick < BUSY_TICKS; tick++) outbox.tick();
      outbox.post(PEER, append(7, { commit: 6 }));
      expect(sent(outbox)).toEqual([append(7, { commit: 6 })]);
      outbox.tick();
      outbox.post(PEER, append(7, { commit: 7 }));
      expect(sent(outbox)).toEqual([]);
    }
  });

  it("is none if it looks for what was lost, or is of a new term", () => {
    for (const other of [append(6, { commit: 6 }), append(7, { commit: 6, term: 2 })]) {
      const outbox = appended();
      outbox.post(PEER, other);
      expect(sent(outbox)).toEqual([other]);
    }
  });
});
