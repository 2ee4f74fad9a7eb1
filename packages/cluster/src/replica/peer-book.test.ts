import { type ConfState, type NodeId, toNodeId } from "@strongroom/raft";
import { describe, expect, it } from "vitest";
import { PeerBook } from "./peer-book.ts";

const SELF = toNodeId(1);
const SECOND = toNodeId(2);
const THIRD = toNodeId(3);
const FOURTH = toNodeId(4);

function conf(voters: readonly NodeId[], votersOutgoing: readonly NodeId[] = []): ConfState {
  return { voters, votersOutgoing, learners: [], learnersNext: [], autoLeave: votersOutgoing.length > 0 };
}

describe("a node that was removed", () => {
  const seeds = [SECOND, THIRD, FOURTH].map((id) => ({ id, address: `127.0.0.1:820${id}` }));

  it("is refused, and keeps its connections until a joint configuration that needs its vote is left", () => {
    const book = new PeerBook({ self: SELF, seeds, removed: [] });
    const joint = conf([SELF, SECOND, FOURTH], [SELF, SECOND, THIRD]);
    book.refresh(joint, () => undefined);
    book.remove(THIRD);
    expect(book.isRemoved(THIRD)).toBe(false);
    expect(book.announcement(joint)).toMatchObject({ peers: seeds, removed: [] });
    const left = conf([SELF, SECOND, FOURTH]);
    book.refresh(left, () => undefined);
    expect(book.isRemoved(THIRD)).toBe(true);
    expect(book.announcement(left)).toMatchObject({ peers: [{ id: SECOND }, { id: FOURTH }], removed: [THIRD] });
  });

  it("is refused after a restart in the middle of the change as little as before it", () => {
    const book = new PeerBook({ self: SELF, seeds, removed: [THIRD] });
    book.refresh(conf([SELF, FOURTH], [SELF, THIRD]), () => undefined);
    expect(book.isRemoved(THIRD)).toBe(false);
  });
});
