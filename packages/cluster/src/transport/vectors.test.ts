import type { Index, NodeId, Term } from "@strongroom/raft";
import { ByteWriter, toHex, utf8 } from "@strongroom/runtime";
import { describe, expect, it } from "vitest";
import { decodeJoinToken, encodeJoinToken } from "../membership/join-token.ts";
import { encodeMessage, type Route } from "./codec.ts";
import { encodeFrame, encodeHello } from "./frame.ts";
import type { PeerMessage } from "./message.ts";

/** The examples of docs/formats/peer.md: a change here is a change of the wire, and wants a new version. */
const HELLO = "0000001f010101b8dac5b4000100000000000001020000000000000304000000026331";
const BATCH =
  "00000048010201b8dac5b40108000000000007000000000009000000000000000a" +
  "01000000000007000000000006000000000009000000000008000000010000000000070000000003616263";
const PING = "00000008010501b8dac5b402";
const TOKEN =
  "srjoin.AQEBAQEBAQEBAQEBAQEBAQECAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAqurq6urq6urq6urq6urq6urq6urq6urq6urq6urq6ur" +
  "AQANMTAuMC4wLjE6ODIwMT8HjEw";

const route: Route = { from: 258 as NodeId, to: 772 as NodeId };
const startMs = Date.UTC(2030, 0, 1);

describe("the wire between nodes", () => {
  it("greets as documented", () => {
    const hello = encodeHello({ clusterId: "c1", ...route, newestVersion: 1 });
    expect(toHex(encodeFrame("hello", startMs, hello))).toBe(HELLO);
    expect(toHex(encodeFrame("ping", startMs + 2, new Uint8Array(0)))).toBe(PING);
  });

  it("carries messages as documented", () => {
    const term = 7 as Term;
    const entry = { term, index: 10 as Index, type: "EntryNormal", data: utf8("abc") } as const;
    const messages: PeerMessage[] = [
      { type: "MsgHeartbeat", ...route, term, commit: 9 as Index, readPosition: 10 },
      { type: "MsgApp", ...route, term, logTerm: 6 as Term, index: 9 as Index, commit: 8 as Index, entries: [entry] },
    ];
    const writer = new ByteWriter();
    for (const message of messages) encodeMessage(writer, message, route);
    expect(toHex(encodeFrame("batch", startMs + 1, writer.finish()))).toBe(BATCH);
  });

  it("spells join tokens as documented", () => {
    const token = {
      addresses: ["10.0.0.1:8201"],
      caFingerprint: "ab".repeat(32),
      id: new Uint8Array(16).fill(1),
      secret: new Uint8Array(32).fill(2),
    };
    expect(encodeJoinToken(token)).toBe(TOKEN);
    expect(decodeJoinToken(TOKEN)).toEqual(token);
  });
});
