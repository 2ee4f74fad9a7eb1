/** What became of a proposal. */

import type { Index } from "./entry.ts";

/**
 * No-leader: none is known. Not-leader: this node does not lead and does not forward, or leads without being a member.
 * Transferring: leadership is being handed over. Too-much-uncommitted: back off. Conf-change-refused: the present
 * configuration forbids the change; an empty entry stands in the log in its place.
 */
export type ProposalRefusal =
  | "no-leader"
  | "not-leader"
  | "transferring"
  | "too-much-uncommitted"
  | "conf-change-refused";

/**
 * `lastIndex`: where the last of the proposed entries stands in this leader's log, 0 if the proposal was forwarded to the
 * leader instead. It is committed only once an entry of this index *and this term* is applied.
 */
export type ProposeResult =
  | { readonly ok: true; readonly lastIndex: Index }
  | { readonly ok: false; readonly reason: ProposalRefusal };

/** Why a message was not taken. None of these is an error of the node. */
export type StepRefusal = "local-message" | "peer-not-found" | ProposalRefusal;
