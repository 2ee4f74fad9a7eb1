/** What follows from `DigestWatch`: a convicted node ends, and where nobody can be convicted the leader refuses writes. */
import type { LogFields } from "@strongroom/runtime";
import type { ScrubResult } from "../scrub/scrub-pass.ts";
import { RowDigest } from "../state/row-digest.ts";
import type { Milestone } from "../state/types.ts";
import { DigestWatch, milestoneDigest } from "./digest-watch.ts";
import type { Effect } from "./effects.ts";

export interface StateAgreementParts {
  readonly id: number;
  readonly voters: () => readonly number[];
  readonly refuseWrites: () => void;
  readonly handOver: () => void;
  readonly emit: (effect: Effect) => void;
  readonly alarm: (text: string, fields: LogFields) => void;
}

export interface StateReport {
  /** 0: none yet. */
  readonly index: number;
  /** 32 bytes, or none. */
  readonly digest: Uint8Array;
}

const MILESTONES_WATCHED = 8;

export class StateAgreement {
  readonly #parts: StateAgreementParts;
  readonly #patienceTicks: number;
  readonly #watch = new DigestWatch();
  #newest: StateReport = { index: 0, digest: new Uint8Array(0) };
  /** Of this node, oldest first. */
  #milestones: readonly Milestone[] = [];
  /** What the rows on the disk have more than those that were applied. */
  #difference: Uint8Array | undefined;
  #convictedAt: number | undefined;
  #convictedTicks = 0;

  /** `patienceTicks`: how long a convicted leader waits for a successor. */
  constructor(options: { readonly patienceTicks: number }, parts: StateAgreementParts) {
    this.#patienceTicks = options.patienceTicks;
    this.#parts = parts;
  }

  /** What this node tells its peers. */
  get newest(): StateReport {
    return this.#newest;
  }

  /** This node's newest milestone that most voters have come to alike. Only such a one is worth a signature. */
  get agreed(): Milestone | undefined {
    if (this.#difference !== undefined) return undefined;
    const voters = this.#parts.voters();
    return this.#milestones.findLast((own) => this.#watch.isAgreed(own.index, milestoneDigest(own), voters));
  }

  /** The disk does not hold what was applied: this node stands by nothing that it holds. */
  get isDoubted(): boolean {
    return this.#difference !== undefined;
  }

  /** This node's own state has come past milestones. */
  passed(milestones: readonly Milestone[]): void {
    this.#milestones = [...this.#milestones, ...milestones].slice(-MILESTONES_WATCHED);
    for (const milestone of milestones) this.#report(milestone);
  }

  /**
   * This node has read its rows back. What it says of itself from now on is what its disk holds, so that the others can tell
   * who is right; that it differs from what it applied convicts nobody yet.
   */
  scrubbed({ index, rows, difference }: ScrubResult): void {
    this.#difference = difference;
    if (difference === undefined) return;
    const text =
      "the rows on this node's disk are not those that it applied: its disk, its memory or its software is at fault";
    this.#parts.alarm(text, { index, rows });
    const voters = this.#parts.voters();
    // Nobody else can say who is right.
    if (voters.length === 1 && voters[0] === this.#parts.id) this.#parts.refuseWrites();
    const newest = this.#milestones.at(-1);
    if (newest !== undefined) this.#report(newest);
  }

  #report(milestone: Milestone): void {
    const digest = RowDigest.from(milestone.digest);
    if (this.#difference !== undefined) digest.add(String.fromCharCode(...this.#difference));
    this.#newest = { index: milestone.index, digest: milestoneDigest({ ...milestone, digest: digest.bytes() }) };
    this.heard(this.#parts.id, this.#newest);
  }

  /** A node has said what its state was. */
  heard(node: number, { index, digest }: StateReport): void {
    if (digest.length === 0 || !this.#watch.report(node, index, digest)) return;
    const judgement = this.#watch.judge(index, this.#parts.voters());
    if (judgement === undefined) return;
    if (judgement.type === "split") {
      this.#parts.refuseWrites();
      this.#parts.alarm("the voters' states differ and no majority agrees: writes are refused; compare the nodes", {
        index,
      });
    } else if (judgement.nodes.includes(this.#parts.id)) {
      this.#convictedAt ??= index;
    } else {
      this.#parts.alarm("a node's state differs from the majority's", { nodes: judgement.nodes.join(" "), index });
    }
  }

  /** A convicted node ends; one that leads hands over first. */
  tick(leads: boolean): void {
    if (this.#convictedAt === undefined) return;
    this.#convictedTicks++;
    if (leads && this.#convictedTicks === 1) this.#parts.handOver();
    if (leads && this.#convictedTicks <= this.#patienceTicks) return;
    const index = this.#convictedAt;
    this.#parts.emit({
      type: "quarantine",
      index,
      reason: `its state at index ${index} differs from that of a majority of the voters`,
    });
  }
}
