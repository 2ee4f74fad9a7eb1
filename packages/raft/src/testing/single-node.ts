/** One node on a log in memory, driven by hand in sync mode: for tests of single rules. */

import type { ConfChangeV2 } from "../confchange/conf-change.ts";
import type { RaftConfig } from "../config.ts";
import { type Entry, type Index, type NodeId, type Term, toIndex, toNodeId, toTerm } from "../entry.ts";
import { MemoryLogStorage } from "../log/memory-log-storage.ts";
import type { Message, MsgApp, MsgAppResp } from "../message.ts";
import { RawNode } from "../raw-node.ts";
import type { Ready } from "../ready.ts";

/** No bytes. */
export const NO_DATA: Uint8Array = new Uint8Array(0);
/** Numbers as node ids. */
export function ids(...list: number[]): NodeId[] {
  return list.map(toNodeId);
}

/** A log that starts from a snapshot at index 1, term 1, with these voters, and then has `entries`. */
export function startedWith(voters: readonly number[], entries: readonly Entry[] = []): MemoryLogStorage {
  const storage = new MemoryLogStorage();
  const confState = { voters: ids(...voters), votersOutgoing: [], learners: [], learnersNext: [], autoLeave: false };
  storage.applySnapshot({ metadata: { index: toIndex(1), term: toTerm(1), confState }, data: NO_DATA });
  storage.append(entries);
  return storage;
}

/** Node 1 on that log; it waits no longer than it must before it campaigns. */
export function nodeOn(storage: MemoryLogStorage, options: Partial<RaftConfig> = {}): RawNode {
  return new RawNode({
    id: toNodeId(1),
    storage,
    random: { below: () => 0 },
    electionTicks: 10,
    heartbeatTicks: 1,
    applied: toIndex(1),
    maxInflightMessages: 16,
    ...options,
  });
}

/** Sync mode: does all that is to be done, and gives what was sent and what was committed. */
export function settle(
  node: RawNode,
  storage: MemoryLogStorage,
): { sent: Message[]; committed: Entry[]; readies: Ready[] } {
  const sent: Message[] = [];
  const committed: Entry[] = [];
  const readies: Ready[] = [];
  while (node.hasReady()) {
    const ready = node.ready();
    readies.push(ready);
    if (ready.hardState !== undefined) storage.setHardState(ready.hardState);
    if (ready.snapshot !== undefined) storage.applySnapshot(ready.snapshot);
    storage.append(ready.entries);
    sent.push(...ready.messages);
    committed.push(...ready.committedEntries);
    node.advance();
  }
  return { sent, committed, readies };
}

/** Node 1, elected in term 1 by the voters, of whom it is the first; its own entry at index 2 is acknowledged by nobody else. */
export function leaderOf(
  voters: readonly number[],
  options: Partial<RaftConfig> = {},
): { node: RawNode; storage: MemoryLogStorage } {
  const storage = startedWith(voters);
  const node = nodeOn(storage, options);
  node.campaign();
  settle(node, storage);
  const { term } = node.basicStatus();
  for (const from of ids(...voters.slice(1))) {
    node.step({ type: "MsgVoteResp", from, to: toNodeId(1), term, reject: false });
  }
  settle(node, storage);
  return { node, storage };
}

/** Member `from` tells node 1 that it has all up to `index`. */
export function acknowledge(node: RawNode, from: number, index: number): void {
  const { term } = node.basicStatus();
  const answer: MsgAppResp = {
    type: "MsgAppResp",
    from: toNodeId(from),
    to: toNodeId(1),
    term,
    logTerm: 0 as Term,
    index: toIndex(index),
    reject: false,
    rejectHint: 0 as Index,
  };
  node.step(answer);
}

/** An append of node 2, leader of `term`: entries of these terms after the entry (`logTerm`, `index`). */
export function append(
  term: number,
  logTerm: number,
  index: number,
  entryTerms: readonly number[],
  commit: number,
): MsgApp {
  const entries = entryTerms.map((one, i): Entry => {
    return { term: toTerm(one), index: toIndex(index + 1 + i), type: "EntryNormal", data: NO_DATA };
  });
  return {
    type: "MsgApp",
    from: toNodeId(2),
    to: toNodeId(1),
    term: toTerm(term),
    logTerm: toTerm(logTerm),
    index: toIndex(index),
    commit: toIndex(commit),
    entries,
  };
}

/** A change of one member. */
export function change(type: ConfChangeV2["changes"][number]["type"], id: number): ConfChangeV2 {
  return { transition: "ConfChangeTransitionAuto", changes: [{ type, nodeId: toNodeId(id) }], context: NO_DATA };
}
