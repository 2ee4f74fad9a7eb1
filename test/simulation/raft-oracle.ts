/**
 * What must hold of a Raft group whatever happens to it, checked as it happens by somebody who sees all nodes at
 * once (Raft §5.2–5.4, thesis §6.4). Everything is remembered for the whole run: a crash excuses nothing.
 */

import type { ConfState, Entry, Index, MemoryLogStorage, Message, NodeId, RawNode, Term } from "@strongroom/raft";

/** A broken law. `message` says which, and where. */
export class LawBroken extends Error {
  override readonly name = "LawBroken";
}

interface Committed {
  readonly term: Term;
  /** A term by which the entry was committed for certain: leaders of later terms must have it. */
  readonly knownInTerm: Term;
}

export class RaftOracle {
  readonly #leaders = new Map<Term, NodeId>();
  readonly #votes = new Map<string, NodeId>();
  // By term and index: the entry's content and the term before it.
  readonly #entries = new Map<string, { readonly content: string; readonly previousTerm: Term }>();
  readonly #committed = new Map<Index, Committed>();
  readonly #applied = new Map<Index, string>();
  readonly #disks: ReadonlyMap<NodeId, MemoryLogStorage>;
  readonly #knownCommit = new Map<NodeId, Index>();
  /** The highest index that any node has ever known to be committed. */
  maxCommit = 0;
  /** How often each rare thing happened: a run that met none of them proved little. */
  readonly marks = new Map<string, number>();

  constructor(disks: ReadonlyMap<NodeId, MemoryLogStorage>) {
    this.#disks = disks;
  }

  mark(what: string): void {
    this.marks.set(what, (this.marks.get(what) ?? 0) + 1);
  }

  /** A node is about to write `entries`: equal terms at equal indices mean equal logs up to there (log matching). */
  entriesStored(node: NodeId, entries: readonly Entry[], termAt: (index: Index) => Term | undefined): void {
    for (const [i, entry] of entries.entries()) {
      const previousTerm = i > 0 ? entries[i - 1]?.term : termAt((entry.index - 1) as Index);
      if (previousTerm === undefined) continue;
      const key = `${entry.term}/${entry.index}`;
      const content = contentOf(entry);
      const known = this.#entries.get(key);
      if (known === undefined) this.#entries.set(key, { content, previousTerm });
      else if (known.content !== content || known.previousTerm !== previousTerm) {
        throw new LawBroken(`log matching: node ${node} stores another entry ${key} than was stored before`);
      }
    }
  }

  /** A message leaves a node: a vote is given once in a term, for good (election safety). */
  sent(message: Message): void {
    if (message.type !== "MsgVoteResp" || message.reject) return;
    const key = `${message.from}@${message.term}`;
    const before = this.#votes.get(key);
    if (before !== undefined && before !== message.to) {
      throw new LawBroken(
        `election safety: node ${message.from} votes for ${before} and ${message.to} in term ${message.term}`,
      );
    }
    this.#votes.set(key, message.to);
  }

  /** After each thing that a node did. */
  observe(node: NodeId, raw: RawNode): void {
    const { term, state, commit } = raw.basicStatus();
    if (state === "StateLeader" && this.#leaders.get(term) !== node) {
      const other = this.#leaders.get(term);
      if (other !== undefined) throw new LawBroken(`election safety: ${other} and ${node} lead term ${term}`);
      this.#leaders.set(term, node);
      this.mark("leader elected");
      this.#checkCompleteness(node, raw, term);
    }
    const known = this.#knownCommit.get(node) ?? 0;
    if (commit < known) throw new LawBroken(`node ${node} moves its commit index back from ${known} to ${commit}`);
    if (commit > known) {
      this.#knownCommit.set(node, commit);
      this.#checkCommitted(node, raw, known, commit, term, state === "StateLeader");
    }
  }

  /** A restarted node may know less than before: the commit index need not be durable. */
  restarted(node: NodeId): void {
    this.#knownCommit.delete(node);
  }

  // A leader has all entries committed in earlier terms (leader completeness, Raft §5.4.3).
  #checkCompleteness(node: NodeId, raw: RawNode, term: Term): void {
    const first = raw.firstIndex();
    for (const [index, { term: entryTerm, knownInTerm }] of this.#committed) {
      if (index < first || knownInTerm >= term) continue;
      if (raw.termAt(index) !== entryTerm) {
        throw new LawBroken(
          `leader completeness: leader ${node} of term ${term} lacks the committed entry ${entryTerm}/${index}`,
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
        throw new LawBroken(
          `state machine safety: node ${node} commits ${entryTerm}/${index}, others ${known.term}/${index}`,
        );
      }
      if (known === undefined || known.knownInTerm > term)
        this.#committed.set(index, { term: entryTerm, knownInTerm: term });
    }
    if (to > this.maxCommit) {
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
        throw new LawBroken(`durability: leader ${node} commits ${term}/${index} without a quorum's disks`);
      }
    }
  }

  /** A node applies an entry. `previous` is the last index that it applied. */
  applied(node: NodeId, entry: Entry, previous: number): void {
    if (entry.index !== previous + 1) throw new LawBroken(`node ${node} applies ${entry.index} after ${previous}`);
    const content = `${entry.term} ${contentOf(entry)}`;
    const known = this.#applied.get(entry.index);
    if (known === undefined) this.#applied.set(entry.index, content);
    else if (known !== content)
      throw new LawBroken(`state machine safety: node ${node} applies another entry at ${entry.index}`);
    const disk = this.#disks.get(node);
    if (disk !== undefined && entry.index > disk.lastIndex()) {
      throw new LawBroken(`node ${node} applies ${entry.index}, which is not on its disk`);
    }
  }

  /** A read was confirmed at `index`; when it was asked for, `committedThen` was the highest index known as committed. */
  read(node: NodeId, index: Index, committedThen: number): void {
    this.mark("read confirmed");
    if (index < committedThen) {
      throw new LawBroken(
        `linearizability: a read at node ${node} got index ${index}, ${committedThen} was committed before it`,
      );
    }
  }

  /** Members' configurations must never be empty, and are the same at the same index. */
  configured(node: NodeId, index: Index, confState: ConfState): void {
    const key = `conf ${index}`;
    const content = JSON.stringify(confState);
    const known = this.#entries.get(key);
    if (known === undefined) this.#entries.set(key, { content, previousTerm: 0 as Term });
    else if (known.content !== content) throw new LawBroken(`node ${node} has another configuration at ${index}`);
  }
}

function contentOf(entry: Entry): string {
  return `${entry.type} ${entry.data.join(",")}`;
}
