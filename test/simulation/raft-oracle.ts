/**
 * What must hold of a Raft group whatever happens to it, checked as it happens by somebody who sees all nodes at
 * once (Raft §5.2–5.4, thesis §6.4). Everything is remembered for the whole run: a crash excuses nothing.
 */

import type {
  BasicStatus,
  ConfState,
  Entry,
  Index,
  MemoryLogStorage,
  Message,
  NodeId,
  RawNode,
  Term,
} from "@strongroom/raft";
import type { Tally } from "./tally.ts";
import { violated } from "./violation.ts";

interface Committed {
  readonly term: Term;
  /** A term by which the entry was committed for certain: leaders of later terms must have it. */
  readonly knownInTerm: Term;
}

export class RaftOracle {
  readonly #leaders = new Map<Term, NodeId>();
  readonly #votes = new Map<number, NodeId>();
  /** By term and index: the entry and the term before it. */
  readonly #entries = new Map<number, { readonly entry: Entry; readonly previousTerm: Term }>();
  readonly #configurations = new Map<Index, string>();
  readonly #committed = new Map<Index, Committed>();
  readonly #applied = new Map<Index, Entry>();
  readonly #tally: Tally;
  readonly #disks: ReadonlyMap<NodeId, MemoryLogStorage>;
  /** The terms that nodes lead in right now. */
  readonly #led = new Map<NodeId, Term>();
  readonly #knownCommit = new Map<NodeId, Index>();
  /** The highest index that any node has ever known to be committed. */
  maxCommit = 0;

  constructor(tally: Tally, disks: ReadonlyMap<NodeId, MemoryLogStorage>) {
    this.#tally = tally;
    this.#disks = disks;
  }

  /** A node is about to write `entries`: equal terms at equal indices mean equal logs up to there (log matching). */
  entriesStored(node: NodeId, entries: readonly Entry[], termAt: (index: Index) => Term | undefined): void {
    for (const [i, entry] of entries.entries()) {
      const previousTerm = i > 0 ? entries[i - 1]?.term : termAt((entry.index - 1) as Index);
      if (previousTerm === undefined) continue;
      const key = entry.term * 2 ** 32 + entry.index;
      const known = this.#entries.get(key);
      if (known === undefined) this.#entries.set(key, { entry, previousTerm });
      else if (!isSame(known.entry, entry) || known.previousTerm !== previousTerm)
        violated(
          "log matching",
          `node ${node} stores another entry ${entry.term}/${entry.index} than was stored before`,
        );
    }
  }

  /** A message leaves a node: what it promises must be on the node's disk, and a vote is given once in a term. */
  sent(message: Message): void {
    const { type, from, to, term } = message;
    if (type === "MsgPreVoteResp" && message.reject) this.#tally.mark("pre-vote refused");
    else if (type === "MsgVoteResp") {
      if (message.reject) this.#tally.mark("vote refused");
      else this.#votesFor(from, to, term);
    } else if (type === "MsgAppResp") {
      if (message.reject) this.#tally.mark("append rejected");
      else this.#acknowledges(from, term, message.index);
    } else if (type === "MsgTimeoutNow") this.#tally.mark("leadership handed over");
  }

  #votesFor(node: NodeId, candidate: NodeId, term: Term): void {
    const key = term * 64 + node;
    const before = this.#votes.get(key);
    if (before !== undefined && before !== candidate)
      violated("election safety", `node ${node} votes for ${before} and ${candidate} in term ${term}`);
    this.#votes.set(key, candidate);
    const durable = this.#disks.get(node)?.initialState().hardState;
    if (durable === undefined || durable.term < term || (durable.term === term && durable.vote !== candidate))
      violated("votes are durable", `node ${node} votes for ${candidate} in term ${term} and has not written it down`);
  }

  #acknowledges(node: NodeId, term: Term, index: Index): void {
    const disk = this.#disks.get(node);
    // A later leader may have shortened the log while this was on its way out.
    if (disk !== undefined && disk.initialState().hardState.term === term && index > disk.lastIndex())
      violated("acknowledged is durable", `node ${node} acknowledges ${index}, its disk ends at ${disk.lastIndex()}`);
  }

  /** After each thing that a node did. */
  observe(node: NodeId, raw: RawNode): void {
    const status = raw.basicStatus();
    const { term, state, commit } = status;
    this.#noteStepDown(node, status);
    if (state === "StateLeader" && this.#leaders.get(term) !== node) {
      const other = this.#leaders.get(term);
      if (other !== undefined) violated("election safety", `${other} and ${node} lead term ${term}`);
      this.#leaders.set(term, node);
      this.#tally.mark("leader elected");
      if (raw.confState().votersOutgoing.length > 0) this.#tally.mark("leader elected in a joint configuration");
      this.#checkCompleteness(node, raw, term);
    }
    const known = this.#knownCommit.get(node) ?? 0;
    if (commit < known) violated("commit goes on", `node ${node} moves its commit index from ${known} to ${commit}`);
    if (commit > known) {
      this.#knownCommit.set(node, commit);
      this.#checkCommitted(node, raw, known, commit, term, state === "StateLeader");
    }
  }

  #noteStepDown(node: NodeId, { term, state }: BasicStatus): void {
    const led = this.#led.get(node);
    if (state === "StateLeader") {
      if (led !== term) this.#led.set(node, term);
    } else if (led !== undefined) {
      this.#led.delete(node);
      this.#tally.mark(led === term ? "leader stepped down by itself" : "leader deposed by a higher term");
    }
  }

  /** A restarted node may know less than before: the commit index need not be durable. */
  restarted(node: NodeId): void {
    this.#knownCommit.delete(node);
    this.#led.delete(node);
  }

  // A leader has all entries committed in earlier terms (leader completeness, Raft §5.4.3).
  #checkCompleteness(node: NodeId, raw: RawNode, term: Term): void {
    const first = raw.firstIndex();
    for (const [index, { term: entryTerm, knownInTerm }] of this.#committed) {
      if (index < first || knownInTerm >= term) continue;
      if (raw.termAt(index) !== entryTerm) {
        violated(
          "leader completeness",
          `leader ${node} of term ${term} lacks the committed entry ${entryTerm}/${index}`,
        );
      }
    }
  }

  #checkCommitted(node: NodeId, raw: RawNode, from: number, to: Index, term: Term, leads: boolean): void {
    for (let index = (from + 1) as Index; index <= to; index++) {
      const entryTerm = raw.termAt(index);
      if (entryTerm === undefined) continue;
      const known = this.#committed.get(index);
      if (known !== undefined && known.term !== entryTerm) {
        violated("state machine safety", `node ${node} commits ${entryTerm}/${index}, others ${known.term}/${index}`);
      }
      if (known === undefined || known.knownInTerm > term)
        this.#committed.set(index, { term: entryTerm, knownInTerm: term });
    }
    if (to > this.maxCommit) {
      if (leads && raw.confState().votersOutgoing.length > 0) this.#tally.mark("commit in a joint configuration");
      const oldest = raw.termAt((this.maxCommit + 1) as Index);
      if (leads && oldest !== undefined && oldest < term) this.#tally.mark("entry of an earlier term committed");
      this.maxCommit = to;
      // Who moves the group's commit index forward is a leader; then a quorum's disks, not its words, must have the entry.
      if (leads) this.#checkDurable(node, to, raw);
    }
  }

  #checkDurable(node: NodeId, index: Index, raw: RawNode): void {
    const term = raw.termAt(index);
    const has = (id: NodeId): boolean => {
      const disk = this.#disks.get(id);
      if (disk === undefined) return false;
      if (index < disk.firstIndex()) return true;
      return index <= disk.lastIndex() && disk.term(index) === term;
    };
    for (const voters of [raw.confState().voters, raw.confState().votersOutgoing]) {
      if (voters.length > 0 && voters.filter(has).length * 2 <= voters.length) {
        violated("durability", `leader ${node} commits ${term}/${index} without a quorum's disks`);
      }
    }
  }

  /** A node applies an entry. `previous` is the last index that it applied. */
  applied(node: NodeId, entry: Entry, previous: number): void {
    if (entry.index !== previous + 1)
      violated("applied in order", `node ${node} applies ${entry.index} after ${previous}`);
    const known = this.#applied.get(entry.index);
    if (known === undefined) this.#applied.set(entry.index, entry);
    else if (known.term !== entry.term || !isSame(known, entry))
      violated("state machine safety", `node ${node} applies another entry at ${entry.index}`);
    const disk = this.#disks.get(node);
    if (disk !== undefined && entry.index > disk.lastIndex()) {
      violated("applied is durable", `node ${node} applies ${entry.index}, which is not on its disk`);
    }
  }

  /** Members' configurations must never be empty, and are the same at the same index. */
  configured(node: NodeId, index: Index, confState: ConfState): void {
    const content = JSON.stringify(confState);
    const known = this.#configurations.get(index);
    if (known === undefined) this.#configurations.set(index, content);
    else if (known !== content) violated("state machine safety", `node ${node} has another configuration at ${index}`);
  }
}

function isSame(left: Entry, right: Entry): boolean {
  return left === right || (left.type === right.type && Buffer.compare(left.data, right.data) === 0);
}
