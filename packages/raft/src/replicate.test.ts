import { describe, expect, it } from "vitest";
import { type Entry, type Index, toIndex, toNodeId, toTerm } from "./entry.ts";
import { SnapshotTemporarilyUnavailableError } from "./errors.ts";
import { MemoryLogStorage } from "./log/memory-log-storage.ts";
import type { RawNode } from "./raw-node.ts";
import { acknowledge, ids, NO_DATA, nodeOn, settle } from "./testing/single-node.ts";

/** A log whose reads a test can spoil. */
class SpoiltStorage extends MemoryLogStorage {
  spoil: ((entries: readonly Entry[]) => readonly Entry[]) | undefined;
  preparing = false;

  override entries(lo: Index, hi: Index, maxBytes: number): readonly Entry[] {
    const entries = super.entries(lo, hi, maxBytes);
    return this.spoil === undefined ? entries : this.spoil(entries);
  }

  override snapshot(): ReturnType<MemoryLogStorage["snapshot"]> {
    if (this.preparing) throw new SnapshotTemporarilyUnavailableError();
    return super.snapshot();
  }
}

/** Node 1 leads 2 and 3, has three payloads on its disk, and knows nothing of how far node 3 is. */
function leader(): { node: RawNode; storage: SpoiltStorage } {
  const storage = new SpoiltStorage();
  const confState = { voters: ids(1, 2, 3), votersOutgoing: [], learners: [], learnersNext: [], autoLeave: false };
  storage.applySnapshot({ metadata: { index: toIndex(1), term: toTerm(1), confState }, data: NO_DATA });
  const node = nodeOn(storage);
  node.campaign();
  settle(node, storage);
  const { term } = node.basicStatus();
  node.step({ type: "MsgVoteResp", from: toNodeId(2), to: toNodeId(1), term, reject: false });
  node.propose([1, 2, 3].map((byte) => Uint8Array.of(byte)));
  settle(node, storage);
  return { node, storage };
}

/** Node 3 answers a heartbeat. */
function answer(node: RawNode): void {
  node.tick();
  const { term } = node.basicStatus();
  node.step({ type: "MsgHeartbeatResp", from: toNodeId(3), to: toNodeId(1), term, readPosition: 0 });
}

describe("a leader that reads its log", () => {
  it("stops at an error, and never takes it for the log's end", () => {
    const { node, storage } = leader();
    storage.spoil = () => {
      throw new Error("EIO: i/o error, read");
    };
    expect(() => answer(node)).toThrow("EIO");
  });

  it("stops at entries that are not those it asked for", () => {
    const { node, storage } = leader();
    storage.spoil = (entries) => entries.slice(1);
    expect(() => answer(node)).toThrow("the storage gave entry");
  });

  it("asks again for a snapshot that is still being made", () => {
    const { node, storage } = leader();
    acknowledge(node, 2, 5);
    settle(node, storage);
    const confState = node.confState();
    storage.createSnapshot(toIndex(5), confState, NO_DATA);
    storage.compact(toIndex(5));
    storage.preparing = true;
    answer(node);
    const kinds = (): string[] =>
      settle(node, storage)
        .sent.filter(({ to }) => to === 3)
        .map(({ type }) => type);
    expect(kinds()).toEqual(["MsgHeartbeat"]);
    storage.preparing = false;
    answer(node);
    expect(kinds()).toEqual(["MsgHeartbeat", "MsgSnap"]);
  });
});
