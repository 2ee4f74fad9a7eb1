/**
 * What is to be sent when the turn ends: one batch a peer. An acknowledgement that repeats what its peer was told already
 * (raft answers each word of a commit index with one) is in no hurry: it rides with the next message, or goes with the next
 * tick, in case the first one was lost. Sending costs more than all that is done with it.
 */
import type { MsgAppResp, NodeId } from "@strongroom/raft";
import type { PeerMessage } from "../transport/message.ts";
import type { Effect } from "./effects.ts";

export class PeerOutbox {
  readonly #messages = new Map<NodeId, PeerMessage[]>();
  /** The newest acknowledgement to each peer; of an older term or index none is needed any more. */
  readonly #told = new Map<NodeId, MsgAppResp>();
  readonly #late = new Map<NodeId, MsgAppResp>();

  post(to: NodeId, message: PeerMessage): void {
    if (message.type === "MsgAppResp" && !message.reject) {
      const told = this.#told.get(to);
      this.#told.set(to, message);
      if (told?.term === message.term && told.index === message.index && !this.#messages.has(to)) {
        this.#late.set(to, message);
        return;
      }
    }
    const list = this.#messages.get(to);
    if (list !== undefined) {
      list.push(message);
      return;
    }
    const late = this.#late.get(to);
    this.#late.delete(to);
    this.#messages.set(to, late === undefined ? [message] : [late, message]);
  }

  /** A tick has passed: what could wait until now goes out with this turn. (Who has something late has nothing else yet.) */
  tick(): void {
    for (const [to, message] of this.#late) this.#messages.set(to, [message]);
    this.#late.clear();
  }

  /** Everything but what can wait, in the order of the peers' ids. */
  drain(): Effect[] {
    const effects = [...this.#messages]
      .sort(([a], [b]) => a - b)
      .map(([to, messages]): Effect => ({ type: "send", to, messages }));
    this.#messages.clear();
    return effects;
  }
}
