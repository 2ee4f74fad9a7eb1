/**
 * What must hold of a cluster of replicas whatever happens to it, checked as it happens by somebody who hears every message
 * when it leaves, every order to write and every answer of a disk, and every batch that is applied. Nothing here asks a
 * replica what it believes.
 */
import type { PeerMessage, WalGroup } from "@strongroom/cluster";
import type { ConfState, Entry, NodeId } from "@strongroom/raft";
import { decodeRow, KEY_KIND, mapKey, type TableOp } from "@strongroom/storage";
import type { LogMirror } from "./replica-log-mirror.ts";
import type { Tally } from "./tally.ts";
import { violated } from "./violation.ts";

export interface OracleParts {
  readonly tally: Tally;
  readonly mirrorOf: (node: NodeId) => LogMirror;
  /** The configuration that is in force at a running node. */
  readonly confOf: (node: NodeId) => ConfState;
  /** What the log's time may be at most by now, as long as most clocks are right. */
  readonly latestLogTimeMs: () => number;
}

/** The state as a node has applied it. */
export interface AppliedState {
  readonly appliedIndex: number;
  readonly chain: Uint8Array;
  readonly confState: ConfState;
  readonly logTimeMs: number;
  digest(): Uint8Array;
}

interface KnownEntry {
  readonly entry: Entry;
  readonly previousTerm: number | undefined;
}

interface KnownState {
  readonly digest: Uint8Array;
  readonly chain: Uint8Array;
  readonly conf: string;
}

/** Voters compare their states where the index is a multiple of this. */
const MILESTONE = 1_024;

/** Names of rows that exactly one command writes. */
const UNIQUE_ROW = "k".charCodeAt(0);

export class ReplicaOracle {
  readonly #parts: OracleParts;
  readonly #leaders = new Map<number, NodeId>();
  readonly #votes = new Map<string, NodeId>();
  /** By term, then by index. */
  readonly #entries = new Map<number, Map<number, KnownEntry>>();
  readonly #states = new Map<number, KnownState>();
  readonly #confTexts = new WeakMap<ConfState, string>();
  /** The configurations that were in force at a node, newest first. */
  readonly #confs = new Map<NodeId, readonly ConfState[]>();
  readonly #rows = new Map<string, string>();
  #rowsUpTo = 0;
  #logTimeMs = 0;
  #commit = 0;
  /** The last commit in each leader's term: ascending. */
  readonly #commits: { readonly inTerm: number; index: number; term: number }[] = [];

  constructor(parts: OracleParts) {
    this.#parts = parts;
  }

  /** The highest index that is known to be committed. */
  get commit(): number {
    return this.#commit;
  }

  get highestTerm(): number {
    return Math.max(0, ...this.#leaders.keys());
  }

  /** A message leaves `from`, whether or not it gets anywhere. */
  sent(from: NodeId, to: NodeId, message: PeerMessage): void {
    const { type } = message;
    if (type === "MsgApp") {
      this.#leads(from, message.term);
      this.#committed(from, message.commit, message.term);
    } else if (type === "MsgHeartbeat") {
      this.#leads(from, message.term);
      if (message.commit > this.#parts.mirrorOf(to).lastIndex)
        violated("heartbeats stay below the match", `node ${from} tells ${to} of commit index ${message.commit}`);
    } else if (type === "MsgAppResp") {
      if (message.reject) this.#parts.tally.mark("append rejected");
      else this.#acknowledges(from, message.term, message.index);
    } else if (type === "MsgVoteResp") {
      if (message.reject) this.#parts.tally.mark("vote refused");
      else this.#votesFor(from, message.term, to);
    } else if (type === "MsgPreVoteResp") {
      if (message.reject) this.#parts.tally.mark("pre-vote refused");
    } else if (type === "MsgTimeoutNow") {
      this.#leads(from, message.term);
      this.#parts.tally.mark("leadership handed over");
    } else if (type === "proposal-dropped") this.#parts.tally.mark(`proposal dropped: ${message.reason}`);
  }

  /** A node orders `group` to be written: equal terms at equal indices mean equal logs up to there (log matching). */
  appended(node: NodeId, group: WalGroup): void {
    const [first] = group.entries;
    if (first === undefined) return;
    const mirror = this.#parts.mirrorOf(node);
    if (mirror.volatileTermAt(first.index) !== undefined) this.#parts.tally.mark("log truncated");
    let previousTerm = mirror.volatileTermAt(first.index - 1);
    for (const entry of group.entries) {
      this.#match(node, entry, previousTerm === 0 ? undefined : previousTerm);
      previousTerm = entry.term;
    }
  }

  /** A batch of `node` is on its way to its table. */
  applied(node: NodeId, state: AppliedState, ops: readonly TableOp[]): void {
    const { appliedIndex } = state;
    const mirror = this.#parts.mirrorOf(node);
    if (mirror.lastIndex < appliedIndex)
      violated("applied is durable", `node ${node} applies up to ${appliedIndex}, its log has ${mirror.lastIndex}`);
    this.#committed(node, appliedIndex, mirror.volatileTerm);
    this.state(node, state);
    if (appliedIndex <= this.#rowsUpTo) return;
    if (Math.floor(appliedIndex / MILESTONE) > Math.floor(this.#rowsUpTo / MILESTONE))
      this.#parts.tally.mark("milestone passed");
    this.#rowsUpTo = appliedIndex;
    this.#checkTime(node, state);
    for (const op of ops)
      if (op.type === "put" && op.key[0] === KEY_KIND.barrier && op.key[1] === UNIQUE_ROW) this.#writtenOnce(op);
  }

  /** All nodes agree on the state at an index. */
  state(node: NodeId, state: AppliedState): void {
    const { appliedIndex, chain, confState } = state;
    const known = this.#states.get(appliedIndex);
    const conf = this.#textOf(confState);
    if (known === undefined) {
      this.#states.set(appliedIndex, { digest: state.digest(), chain, conf });
      return;
    }
    if (Buffer.compare(known.chain, chain) !== 0)
      violated("state machine safety", `node ${node} applied other entries up to index ${appliedIndex}`);
    if (known.conf !== conf)
      violated("state machine safety", `node ${node} has another configuration at index ${appliedIndex}`);
    if (Buffer.compare(known.digest, state.digest()) !== 0)
      violated("state machine safety", `node ${node} has another state at index ${appliedIndex}`);
  }

  #checkTime(node: NodeId, { appliedIndex, logTimeMs }: AppliedState): void {
    if (logTimeMs < this.#logTimeMs)
      violated(
        "the log's time goes on",
        `node ${node} applied ${logTimeMs} at ${appliedIndex} after ${this.#logTimeMs}`,
      );
    const latest = this.#parts.latestLogTimeMs();
    if (logTimeMs > latest)
      violated("the log's time does not run wild", `${logTimeMs} at index ${appliedIndex}, by now ${latest} at most`);
    this.#logTimeMs = logTimeMs;
  }

  #leads(node: NodeId, term: number): void {
    const known = this.#leaders.get(term);
    if (known === node) return;
    if (known !== undefined) violated("election safety", `nodes ${known} and ${node} lead in term ${term}`);
    this.#leaders.set(term, node);
    this.#parts.tally.mark("leader elected");
    this.#checkElected(node, term);
    // All entries committed in earlier terms are in the leader's log (leader completeness); by log matching the last one is
    // enough. What was committed in a later term, before this leader heard that it had won, is not its affair.
    const last = this.#commits.findLast(({ inTerm }) => inTerm < term);
    const found = last === undefined ? 0 : this.#parts.mirrorOf(node).volatileTermAt(last.index);
    if (found !== 0 && found !== last?.term)
      violated(
        "leader completeness",
        `leader ${node} of term ${term} lacks ${last?.term}/${last?.index}, committed before`,
      );
  }

  #checkElected(node: NodeId, term: number): void {
    const gave = (voter: NodeId): boolean => {
      if (voter !== node) return this.#votes.get(`${voter}@${term}`) === node;
      const mirror = this.#parts.mirrorOf(node);
      return mirror.term === term && mirror.vote === node;
    };
    const conf = this.#parts.confOf(node);
    if (!hasQuorum(conf, gave))
      violated("election safety", `node ${node} leads term ${term} without a quorum of votes`);
  }

  #votesFor(node: NodeId, term: number, candidate: NodeId): void {
    const key = `${node}@${term}`;
    const before = this.#votes.get(key);
    if (before !== undefined && before !== candidate)
      violated("election safety", `node ${node} votes for ${before} and for ${candidate} in term ${term}`);
    this.#votes.set(key, candidate);
    const mirror = this.#parts.mirrorOf(node);
    if (mirror.term < term || (mirror.term === term && mirror.vote !== candidate))
      violated("votes are durable", `node ${node} votes for ${candidate} in term ${term} and has not written it down`);
  }

  #acknowledges(node: NodeId, term: number, index: number): void {
    const mirror = this.#parts.mirrorOf(node);
    // A later leader may have shortened the log while this was on its way out.
    if (mirror.term === term && index > mirror.lastIndex)
      violated("acknowledged is durable", `node ${node} acknowledges ${index}, its log ends at ${mirror.lastIndex}`);
  }

  /** Somebody in `inTerm` treats `index` as committed: then a quorum's disks, not its words, must have it. */
  #committed(node: NodeId, index: number, inTerm: number): void {
    const confs = this.#lastConfs(node);
    if (index <= this.#commit) return;
    const term = this.#parts.mirrorOf(node).volatileTermAt(index);
    if (term === undefined) violated("committed is in the log", `node ${node} lacks its entry ${index}`);
    const has = (voter: NodeId): boolean => {
      const found = this.#parts.mirrorOf(voter).termAt(index);
      return found === term || found === 0;
    };
    // In the turn that commits an entry, changes of membership up to it may have been put in force.
    if (term !== 0 && !confs.some((conf) => hasQuorum(conf, has)))
      violated("committed is durable", `node ${node} commits ${term}/${index} without a quorum's disks`);
    this.#commit = index;
    const last = this.#commits.at(-1);
    if (last === undefined || last.inTerm < inTerm) this.#commits.push({ inTerm, index, term });
    else Object.assign(last, { index, term });
  }

  #lastConfs(node: NodeId): readonly ConfState[] {
    const conf = this.#parts.confOf(node);
    const known = this.#confs.get(node) ?? [];
    const [before] = known;
    if (before === conf) return known;
    if (before !== undefined) this.#noteChange(node, before, conf);
    const confs = [conf, ...known].slice(0, 3);
    this.#confs.set(node, confs);
    return confs;
  }

  #noteChange(node: NodeId, before: ConfState, after: ConfState): void {
    const { tally, mirrorOf } = this.#parts;
    const isLearner = (id: NodeId): boolean => before.learners.includes(id);
    if (after.votersOutgoing.length > 0) tally.mark("joint configuration entered");
    if (after.voters.some(isLearner)) tally.mark("learner promoted");
    if (after.learners.some((id) => before.voters.includes(id))) tally.mark("voter demoted");
    const members = [...after.voters, ...after.votersOutgoing, ...after.learners, ...after.learnersNext];
    if (before.voters.some((id) => !members.includes(id))) tally.mark("voter removed");
    if (members.length > before.voters.length + before.learners.length) tally.mark("member added");
    if (this.#leaders.get(mirrorOf(node).term) === node && !after.voters.includes(node))
      tally.mark("leader lost its vote");
  }

  #match(node: NodeId, entry: Entry, previousTerm: number | undefined): void {
    let ofTerm = this.#entries.get(entry.term);
    if (ofTerm === undefined) {
      ofTerm = new Map();
      this.#entries.set(entry.term, ofTerm);
    }
    const known = ofTerm.get(entry.index);
    if (known === undefined || (known.previousTerm === undefined && previousTerm !== undefined)) {
      ofTerm.set(entry.index, { entry, previousTerm });
      return;
    }
    const same =
      known.entry === entry || (known.entry.type === entry.type && Buffer.compare(known.entry.data, entry.data) === 0);
    if (!same || (previousTerm !== undefined && known.previousTerm !== previousTerm))
      violated("log matching", `node ${node} stores another entry ${entry.term}/${entry.index} than was stored before`);
  }

  #writtenOnce({ key, value }: Extract<TableOp, { type: "put" }>): void {
    const name = mapKey(key);
    const { index, position } = decodeRow(value).revision;
    const at = `${index}/${position}`;
    const before = this.#rows.get(name);
    if (before !== undefined && before !== at)
      violated("exactly once", `${name} took effect at ${before} and at ${at}`);
    this.#rows.set(name, at);
  }

  #textOf(conf: ConfState): string {
    const known = this.#confTexts.get(conf);
    if (known !== undefined) return known;
    const text = JSON.stringify(conf);
    this.#confTexts.set(conf, text);
    return text;
  }
}

function hasQuorum(conf: ConfState, has: (voter: NodeId) => boolean): boolean {
  return majority(conf.voters, has) && majority(conf.votersOutgoing, has);
}

function majority(voters: readonly NodeId[], has: (voter: NodeId) => boolean): boolean {
  if (voters.length === 0) return true;
  let count = 0;
  for (const voter of voters) if (has(voter)) count++;
  return count * 2 > voters.length;
}
