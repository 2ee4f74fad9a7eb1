/** Transcripts of quorum decisions: `committed` and `vote`, over one majority or two. */

import { type Index, type NodeId, toIndex, toNodeId } from "@strongroom/raft";
import {
  type AckedIndex,
  describeMajority,
  EVERYTHING,
  jointCommittedIndex,
  jointIds,
  jointVoteResult,
  majorityCommittedIndex,
  majorityVoteResult,
} from "@strongroom/raft/testing";
import { type Directive, type Handler, valuesOf } from "./datadriven.ts";

/** A handler without state: each directive stands for itself. */
export function quorumHandler(): Handler {
  return (directive) => {
    const incoming = idsOf(valuesOf(directive, "cfg"));
    const joint = directive.args.some((arg) => arg.key === "cfgj");
    const outgoing = idsOf(valuesOf(directive, "cfgj").filter((value) => value !== "zero"));
    const order = [...idsInOrder(directive, "cfg"), ...idsInOrder(directive, "cfgj")];
    switch (directive.command) {
      case "committed": {
        const numbers = valuesOf(directive, "idx").map((value) => (value === "_" ? 0 : Number(value)));
        const acked = lookup(order, numbers.map(toIndex));
        checkCount(incoming, outgoing, numbers);
        return committed(incoming, joint ? outgoing : undefined, acked);
      }
      case "vote": {
        const votes = valuesOf(directive, "votes").map((value) => ({ y: 2, n: 1, _: 0 })[value] ?? Number.NaN);
        checkCount(incoming, outgoing, votes);
        return vote(incoming, joint ? outgoing : undefined, lookup(order, votes));
      }
      default:
        throw new Error(`unknown command ${directive.command}`);
    }
  };
}

function committed(
  incoming: readonly NodeId[],
  outgoing: readonly NodeId[] | undefined,
  acked: ReadonlyMap<NodeId, Index>,
): string {
  const indexer: AckedIndex = (id) => acked.get(id);
  const lines: string[] = [];
  const also = (what: string, other: Index, index: Index): void => {
    if (other !== index) lines.push(`${show(other)} <-- ${what}\n`);
  };
  if (outgoing !== undefined) {
    const index = jointCommittedIndex({ incoming, outgoing }, indexer);
    lines.push(describeMajority(jointIds({ incoming, outgoing }), indexer));
    also("via symmetry", jointCommittedIndex({ incoming: outgoing, outgoing: incoming }, indexer), index);
    return `${lines.join("")}${show(index)}\n`;
  }
  const index = majorityCommittedIndex(incoming, indexer);
  lines.push(describeMajority(incoming, indexer));
  also("via alternative computation", bruteForce(incoming, indexer), index);
  also("via zero-joint quorum", jointCommittedIndex({ incoming, outgoing: [] }, indexer), index);
  also("via self-joint quorum", jointCommittedIndex({ incoming, outgoing: incoming }, indexer), index);
  // A voter below the committed index does not decide it: it may as well be further behind.
  for (const id of incoming) {
    const own = acked.get(id) ?? 0;
    if (index <= own || own === 0) continue;
    for (const lower of [own - 1, 0]) {
      const overlaid: AckedIndex = (one) => (one === id ? toIndex(lower) : acked.get(one));
      also(`overlaying ${id}->${lower}`, majorityCommittedIndex(incoming, overlaid), index);
    }
  }
  return `${lines.join("")}${show(index)}\n`;
}

function vote(
  incoming: readonly NodeId[],
  outgoing: readonly NodeId[] | undefined,
  votes: ReadonlyMap<NodeId, number>,
): string {
  const voted = (id: NodeId): boolean | undefined => {
    const one = votes.get(id);
    return one === undefined ? undefined : one === 2;
  };
  if (outgoing === undefined) return `${majorityVoteResult(incoming, voted)}\n`;
  const result = jointVoteResult({ incoming, outgoing }, voted);
  const swapped = jointVoteResult({ incoming: outgoing, outgoing: incoming }, voted);
  return `${result}\n${swapped === result ? "" : `${swapped} <-- via symmetry\n`}`;
}

// The highest acknowledged index that a majority has reached, by trying them all.
function bruteForce(voters: readonly NodeId[], acked: AckedIndex): Index {
  if (voters.length === 0) return EVERYTHING;
  const indices = voters.map((id) => acked(id) ?? 0);
  const reached = (index: number): boolean => indices.filter((one) => one >= index).length > voters.length / 2;
  return toIndex(Math.max(0, ...indices.filter(reached)));
}

// Values go to the ids in the order of their first mention; a placeholder leaves its id unknown.
function lookup<Value extends number>(order: readonly NodeId[], values: readonly Value[]): ReadonlyMap<NodeId, Value> {
  const map = new Map<NodeId, Value>();
  [...new Set(order)].forEach((id, i) => {
    const value = values[i];
    if (value !== undefined && value !== 0) map.set(id, value);
  });
  return map;
}

function checkCount(incoming: readonly NodeId[], outgoing: readonly NodeId[], values: readonly number[]): void {
  const voters = new Set([...incoming, ...outgoing]);
  if (voters.size !== values.length) throw new Error(`${values.length} values for ${voters.size} voters`);
}

function idsInOrder(directive: Directive, key: string): readonly NodeId[] {
  return valuesOf(directive, key)
    .filter((value) => value !== "zero")
    .map((value) => toNodeId(Number(value)));
}

function idsOf(values: readonly string[]): readonly NodeId[] {
  return [...new Set(values.map((value) => toNodeId(Number(value))))].sort((a, b) => a - b);
}

function show(index: Index): string {
  return index === EVERYTHING ? "∞" : String(index);
}
