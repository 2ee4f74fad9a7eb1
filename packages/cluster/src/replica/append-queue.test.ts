import { type Entry, LOCAL_APPEND_THREAD, type MsgStorageAppend, toIndex, toNodeId, toTerm } from "@strongroom/raft";
import { describe, expect, it } from "vitest";
import { AppendQueue } from "./append-queue.ts";

const HARD = { term: toTerm(1), vote: toNodeId(2), commit: toIndex(0) };
const ENTRY: Entry = { index: toIndex(1), term: toTerm(1), type: "EntryNormal", data: new Uint8Array(1) };

function message(parts: Partial<MsgStorageAppend>): MsgStorageAppend {
  const envelope = { type: "MsgStorageAppend", from: toNodeId(1), to: LOCAL_APPEND_THREAD, term: toTerm(0) } as const;
  return { ...envelope, hardState: undefined, entries: [], snapshot: undefined, responses: [], ...parts };
}

describe("AppendQueue", () => {
  it("completes in order, and what needs no disk not before what came earlier", () => {
    const queue = new AppendQueue(HARD);
    const first = message({ entries: [ENTRY] });
    const rider = message({});
    const group = queue.push(first, undefined);
    expect(queue.push(rider, undefined)).toBeUndefined();
    expect(queue.peek()).toBeUndefined();
    queue.synced(group?.token ?? 0);
    expect(queue.peek()).toBe(first);
    queue.shift();
    expect(queue.peek()).toBe(rider);
  });

  it("completes what the disk has answered, and nothing that was asked of it later", () => {
    const queue = new AppendQueue(HARD);
    const messages = [1, 2, 3].map((index) => message({ entries: [{ ...ENTRY, index: toIndex(index) }] }));
    const tokens = messages.map((one) => queue.push(one, undefined)?.token ?? 0);
    queue.synced(tokens[1] as number);
    for (const one of messages.slice(0, 2)) {
      expect(queue.peek()).toBe(one);
      queue.shift();
    }
    expect(queue.peek()).toBeUndefined();
    expect(queue.isWaiting).toBe(true);
  });

  it("writes a new term or vote, and lets a commit index ride with the next write", () => {
    const queue = new AppendQueue(HARD);
    const commit = { ...HARD, commit: toIndex(9) };
    expect(queue.push(message({ hardState: commit }), undefined)).toBeUndefined();
    expect(queue.push(message({ entries: [ENTRY] }), undefined)).toMatchObject({ hardState: commit });
    expect(queue.push(message({ entries: [ENTRY] }), undefined)).not.toHaveProperty("hardState");
    const voted = { ...commit, vote: toNodeId(3) };
    expect(queue.push(message({ hardState: voted }), undefined)).toMatchObject({ hardState: voted });
  });
});
