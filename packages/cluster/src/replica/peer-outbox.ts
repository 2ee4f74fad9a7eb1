/**
 * What is to be sent when the turn ends: one batch a peer. Sending costs more than all that is done with it, so what a peer
 * can wait for rides with the next message to it, or goes with the next tick: an acknowledgement that repeats what its peer
 * was told already (raft answers each word of a commit index with one; the first may have been lost), and a leader's word of
 * a commit index to a peer that asked for nothing lately and waits for none of the entries. Whoever reads there asks the
 * leader, whose answer brings it.
 */
import type { MsgApp, MsgAppResp, NodeId } from "@strongroom/raft";
import type { PeerMessage } from "../transport/message.ts";
import type { Effect } from "./effects.ts";

/** Who asked for something counts as busy for so many ticks. */
export const BUSY_TICKS = 2;

interface Peer {
  messages: PeerMessage[];
  /** There is one only while there are no messages. */
  late: MsgApp | MsgAppResp | undefined;
  /** The newest acknowledgement; of an older term or index none is needed any more. */
  acknowledged: MsgAppResp | undefined;
  /** How far the newest append went, and what it said is committed. */
  appended: { readonly term: number; readonly last: number; readonly commit: number } | undefined;
  /** Workers there wait to hear that the entries up to this index are committed. */
  awaited: number;
  /** Ticks until it counts as idle. */
  busyTicks: number;
}

export class PeerOutbox {
  readonly #peers = new Map<NodeId, Peer>();

  post(to: NodeId, message: PeerMessage): void {
    const peer = this.#peer(to);
    if (message.type === "MsgAppResp" || message.type === "MsgApp") {
      const canWait = message.type === "MsgApp" ? isIdleWord(peer, message) : isRepetition(peer, message);
      remember(peer, message);
      if (canWait && peer.messages.length === 0) {
        peer.late = message;
        return;
      }
    }
    const { late } = peer;
    peer.late = undefined;
    // An append tells what the word of a commit index before it would have told.
    const saysMore = late?.type === "MsgApp" && message.type === "MsgApp" && late.term === message.term;
    if (late !== undefined && !saysMore) peer.messages.push(late);
    peer.messages.push(message);
  }

  /** Notes what a peer asks. */
  heard(from: NodeId, messages: readonly PeerMessage[]): void {
    if (messages.some(asks)) this.#peer(from).busyTicks = BUSY_TICKS;
  }

  /** Somebody at `to` waits for the entry at `index`, which is not committed yet: it is told of that without delay. */
  awaits(to: NodeId | "all", index: number): void {
    if (to !== "all") this.#peer(to).awaited = index;
    else for (const peer of this.#peers.values()) peer.awaited = index;
  }

  /** A tick has passed: what could wait until now goes out with this turn. */
  tick(): void {
    for (const peer of this.#peers.values()) {
      peer.busyTicks = Math.max(0, peer.busyTicks - 1);
      if (peer.late !== undefined) peer.messages = [peer.late];
      peer.late = undefined;
    }
  }

  /** Everything but what can wait, in the order of the peers' ids. */
  drain(): Effect[] {
    const effects: Extract<Effect, { type: "send" }>[] = [];
    for (const [to, peer] of this.#peers) {
      if (peer.messages.length === 0) continue;
      effects.push({ type: "send", to, messages: peer.messages });
      peer.messages = [];
    }
    return effects.sort((a, b) => a.to - b.to);
  }

  #peer(id: NodeId): Peer {
    let peer = this.#peers.get(id);
    if (peer === undefined) {
      peer = { messages: [], late: undefined, acknowledged: undefined, appended: undefined, awaited: 0, busyTicks: 0 };
      this.#peers.set(id, peer);
    }
    return peer;
  }
}

function asks({ type }: PeerMessage): boolean {
  return type === "propose" || type === "propose-membership" || type === "MsgReadIndex";
}

function remember(peer: Peer, message: MsgApp | MsgAppResp): void {
  if (message.type === "MsgApp") {
    const { term, index, entries, commit } = message;
    peer.appended = { term, last: index + entries.length, commit };
  } else if (!message.reject) peer.acknowledged = message;
}

function isRepetition({ acknowledged }: Peer, { term, index, reject }: MsgAppResp): boolean {
  return !reject && acknowledged?.term === term && acknowledged.index === index;
}

/**
 * Whether an append says nothing but a commit index, to a peer that can wait for it. One from before the end of what was sent
 * looks for what was lost, and does not wait.
 */
function isIdleWord(peer: Peer, { term, index, entries, commit }: MsgApp): boolean {
  const { appended, awaited, busyTicks } = peer;
  if (entries.length > 0 || busyTicks > 0 || appended?.term !== term || appended.commit < awaited) return false;
  return index === appended.last && commit >= appended.commit;
}
