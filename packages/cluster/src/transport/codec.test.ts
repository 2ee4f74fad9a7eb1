import type { Index, Message, NodeId, Term } from "@strongroom/raft";
import { LOCAL_APPEND_THREAD } from "@strongroom/raft";
import { AssertionError, ByteReader, ByteWriter } from "@strongroom/runtime";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeMessage, encodeMessage, messageBytesBound, PeerCodecError, type Route } from "./codec.ts";
import type { PeerMessage } from "./message.ts";
import { append, arbitraryMessage } from "./testing/messages.ts";

const route: Route = { from: 3 as NodeId, to: (2 ** 52) as NodeId };
const messages = arbitraryMessage(route.from, route.to);

function encoded(message: PeerMessage): Uint8Array {
  const writer = new ByteWriter();
  encodeMessage(writer, message, route);
  return writer.finish();
}

describe("peer messages", () => {
  it("come back as they were, one after another, within their bound", () => {
    fc.assert(
      fc.property(fc.array(messages, { maxLength: 5 }), (sent) => {
        const writer = new ByteWriter();
        for (const message of sent) {
          const before = writer.length;
          encodeMessage(writer, message, route);
          expect(writer.length - before).toBeLessThanOrEqual(messageBytesBound(message));
        }
        const reader = new ByteReader(writer.finish());
        const received: PeerMessage[] = [];
        while (reader.remaining > 0) received.push(decodeMessage(reader, route));
        expect(received).toEqual(sent);
      }),
    );
  });

  it("are refused when cut short", () => {
    fc.assert(
      fc.property(messages, fc.nat(), (message, cut) => {
        const bytes = encoded(message);
        const reader = new ByteReader(bytes.subarray(0, cut % bytes.length));
        expect(() => decodeMessage(reader, route)).toThrow(PeerCodecError);
      }),
    );
  });

  it("are refused, and nothing else happens, when the bytes are hostile", () => {
    const damaged = fc
      .tuple(messages, fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 })), { maxLength: 4 }))
      .map(([message, changes]) => {
        const bytes = encoded(message);
        for (const [at, value] of changes) bytes[at % bytes.length] = value;
        return bytes;
      });
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 200 }), damaged), (bytes) => {
        try {
          decodeMessage(new ByteReader(bytes), route);
        } catch (error) {
          expect(error).toBeInstanceOf(PeerCodecError);
        }
      }),
      { numRuns: 1000 },
    );
  });

  it("do not believe a count that the bytes cannot hold", () => {
    const head = new ByteWriter().u8(1).u48(1).u48(1).u48(1).u48(1).u32(0xffff_ffff).finish();
    expect(() => decodeMessage(new ByteReader(head), route)).toThrow("counts more items than it holds");
  });

  it("never name a pseudo node as the one to lead", () => {
    const bytes = new ByteWriter().u8(10).u48(1).u64(LOCAL_APPEND_THREAD).finish();
    expect(() => decodeMessage(new ByteReader(bytes), route)).toThrow(PeerCodecError);
  });

  it("of a node's own, and proposals of the core, cannot be spelled", () => {
    const local = { ...route, term: 0 as Term };
    const refused: Message[] = [
      { type: "MsgHup", ...local },
      { type: "MsgForgetLeader", ...local },
      { type: "MsgProp", ...local, entries: [] },
    ];
    for (const message of refused) expect(() => encoded(message)).toThrow(AssertionError);
  });

  it("of another node, or with a gap between entries, are a bug", () => {
    const message = append(route.from, route.to, 4, 1);
    expect(() => encoded({ ...message, from: 4 as NodeId })).toThrow("not from this node");
    expect(() => encoded({ ...message, to: 4 as NodeId })).toThrow("another node");
    expect(() => encoded({ ...message, index: 9 as Index })).toThrow("follow one another");
  });
});
