/**
 * Compares what the voters say their state is. Replicas that applied the same entries hold the same rows; one that does
 * not has a fault in its disk, memory or software, and must not go on. Only a strict majority that agrees convicts: where
 * there is none, nobody knows who is right, and the cluster takes no more writes until a person has looked.
 */
import { createHash } from "node:crypto";
import { toHex } from "@strongroom/runtime";
import type { Milestone } from "../state/types.ts";

export type DigestJudgement =
  /** `nodes` are those that differ from the majority of the voters at `index`, learners too. */
  | { readonly type: "convicted"; readonly index: number; readonly nodes: readonly number[] }
  /** All voters have spoken and no majority agrees. */
  | { readonly type: "split"; readonly index: number };

const KEPT_INDICES = 16;

/** What stands for the whole state in a report: rows, proposers and the chain of entries, 32 bytes. */
export function milestoneDigest({ chain, digest, proposersHash }: Milestone): Uint8Array {
  return Uint8Array.from(createHash("sha256").update(chain).update(digest).update(proposersHash).digest());
}

export class DigestWatch {
  /** By index, ascending: what each node reported. */
  readonly #reports = new Map<number, Map<number, string>>();

  /** Whether it is news: the index, the node at this index, or what the node says, after it has looked again. */
  report(node: number, index: number, digest: Uint8Array): boolean {
    const known = this.#reports.get(index);
    if (known === undefined && this.#isTooOld(index)) return false;
    const reports = known ?? new Map<number, string>();
    const text = toHex(digest);
    if (reports.get(node) === text) return false;
    reports.set(node, text);
    this.#reports.set(index, reports);
    this.#forget();
    return true;
  }

  /** What the reports at `index` prove; undefined if nothing is wrong, or not yet. */
  judge(index: number, voters: readonly number[]): DigestJudgement | undefined {
    const reports = this.#reports.get(index);
    if (reports === undefined) return undefined;
    const camps = new Map<string, number>();
    let heard = 0;
    for (const voter of voters) {
      const digest = reports.get(voter);
      if (digest === undefined) continue;
      heard++;
      camps.set(digest, (camps.get(digest) ?? 0) + 1);
    }
    for (const [digest, count] of camps) {
      if (count <= voters.length / 2) continue;
      const nodes = [...reports].filter(([, reported]) => reported !== digest).map(([node]) => node);
      return nodes.length === 0 ? undefined : { type: "convicted", index, nodes };
    }
    return camps.size > 1 && heard === voters.length ? { type: "split", index } : undefined;
  }

  /** Whether a strict majority of the voters reported `digest` at `index`. */
  isAgreed(index: number, digest: Uint8Array, voters: readonly number[]): boolean {
    const reports = this.#reports.get(index);
    const text = toHex(digest);
    return voters.filter((voter) => reports?.get(voter) === text).length > voters.length / 2;
  }

  #isTooOld(index: number): boolean {
    const [oldest] = this.#sorted();
    return this.#reports.size >= KEPT_INDICES && oldest !== undefined && index < oldest;
  }

  #forget(): void {
    for (const index of this.#sorted().slice(0, -KEPT_INDICES)) this.#reports.delete(index);
  }

  #sorted(): readonly number[] {
    return [...this.#reports.keys()].sort((a, b) => a - b);
  }
}
