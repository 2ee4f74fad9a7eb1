import { equalBytes } from "@strongroom/runtime";
import { describe, expect, it } from "vitest";
import { entryOf, KEYS, peerCommand } from "../testing/manual-replica.ts";
import { judgeAppend } from "./verification.ts";
import { VerifiedEntries } from "./verified-entries.ts";

const badMac = new Uint8Array(32).fill(8);
const rules = { authenticator: KEYS, unsignedAllowed: () => false };

function judged(...entries: readonly ReturnType<typeof entryOf>[]): VerifiedEntries {
  const verified = new VerifiedEntries();
  judgeAppend(entries, rules, verified);
  return verified;
}

describe("what was verified before it was stored", () => {
  it("is told once, for the very bytes that were judged and for no others that are equal", () => {
    const entry = entryOf(2, peerCommand(1), peerCommand(2));
    const equal = { ...entry, data: Uint8Array.from(entry.data) };
    const verified = judged(entry);
    expect(equalBytes(entry.data, equal.data)).toBe(true);
    expect(verified.take(equal)).toBeUndefined();
    expect(verified.take(entry)?.commands.map(({ sequence }) => sequence)).toEqual([1, 2]);
    expect(verified.take(entry)).toBeUndefined();
  });

  it("is no entry with a single command that is forged, or whose key is unknown", () => {
    for (const other of [peerCommand(2, { mac: badMac }), peerCommand(2, { keyId: 2 })]) {
      const entry = entryOf(2, peerCommand(1), other);
      expect(judged(entry).take(entry)).toBeUndefined();
    }
  });

  it("is nothing in a node that is sealed and cannot check", () => {
    const entry = entryOf(2, peerCommand(1));
    const verified = new VerifiedEntries();
    judgeAppend([entry], { ...rules, authenticator: { verify: () => "sealed" } }, verified);
    expect(verified.take(entry)).toBeUndefined();
  });
});
