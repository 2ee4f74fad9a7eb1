/** What is to be sent when the turn ends: one batch a peer. */
import type { NodeId } from "@strongroom/raft";
import type { PeerMessage } from "../transport/message.ts";
import type { Effect } from "./effects.ts";

export class PeerOutbox {
  readonly #messages = new Map<NodeId, PeerMessage[]>();

  post(to: NodeId, message: PeerMessage): void {
    const list = this.#messages.get(to);
    if (list === undefined) this.#messages.set(to, [message]);
    else list.push(message);
  }

  /** Everything, in the order of the peers' ids. */
  drain(): Effect[] {
    const effects = [...this.#messages]
      .sort(([a], [b]) => a - b)
      .map(([to, messages]): Effect => ({ type: "send", to, messages }));
    this.#messages.clear();
    return effects;
  }
}
