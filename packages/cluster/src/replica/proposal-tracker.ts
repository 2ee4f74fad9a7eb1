/**
 * What this node's workers have proposed and not heard of. A proposal is sent to the leader, and again when the leader
 * changes or stays silent: the proposer table of the state machine makes any number of sendings one effect. A proposal
 * ends with its verdict; or as not committed, when every sending was answered as dropped, none was ever made, or a command
 * of its proposer with a floor above it was applied without it: no state machine runs it after that.
 *
 * One whose time is over while a sending is out is of unknown outcome, and one that the leader refuses for good while another
 * sending is out can only be waited for. Both are given up: they are not sent again, their worker lets its floor pass them,
 * and its next command that is applied tells what became of them.
 */
import { decodeConfChangeV2 } from "@strongroom/raft";
import { assert } from "@strongroom/runtime";
import { decodeCommand, isMalformed } from "@strongroom/storage";
import type { NotCommittedReason } from "../port/messages.ts";
import { REGISTRATION_SEQUENCE } from "../state/registration.ts";
import type { DropReason, ProposalId } from "../transport/message.ts";

export type ProposalKind = "commands" | "membership";

export interface NewProposal {
  readonly sequence: number;
  readonly kind: ProposalKind;
  /** An encoded command, or an encoded conf change around one. */
  readonly payload: Uint8Array;
  readonly expiresAtMs: number;
}

interface Open extends NewProposal {
  /** Empty once it is given up. */
  payload: Uint8Array;
  readonly worker: number;
  readonly incarnation: number;
  /** Sendings of which it is not known that they were dropped; the newest `MAX_PENDING`. */
  pending: number[];
  /** A sending was forgotten: that none is pending no longer proves that none was taken. */
  forgotten: boolean;
  sentAtMs: number;
  queued: boolean;
  toldUnknown: boolean;
  lastReason: NotCommittedReason;
}

/** One message's worth of proposals of a kind. */
export interface Sending {
  readonly batch: number;
  readonly kind: ProposalKind;
  readonly ids: readonly ProposalId[];
  readonly payloads: readonly Uint8Array[];
}

export type Ended =
  | { readonly worker: number; readonly sequence: number; readonly outcome: "unknown" | "given-up" }
  | {
      readonly worker: number;
      readonly sequence: number;
      readonly outcome: "not-committed";
      readonly reason: NotCommittedReason;
    };

interface Proposer {
  readonly worker: number;
  readonly incarnation: number;
  readonly open: Map<number, Open>;
  /** Those of them that are given up. */
  readonly givenUp: Set<number>;
}

/** After these no leader of this term will take it: there is nothing to wait for. */
const FINAL: ReadonlySet<DropReason> = new Set(["clock-skew", "unauthentic", "conf-change-refused", "disk-full"]);
const MAX_SENDING_BYTES = 512 * 1024;
const MAX_PENDING = 16;
/** Of a proposer, while no command of it comes through: of the oldest, whose clients were told so long ago, no end is told. */
const MAX_GIVEN_UP = 4_096;
const NO_BYTES = new Uint8Array(0);

function isUntaken(open: Open): boolean {
  return open.pending.length === 0 && !open.forgotten;
}

export class ProposalTracker {
  readonly #resendMs: number;
  readonly #proposers = new Map<number, Proposer>();
  #queue: Open[] = [];
  /** Applied since `overtaken` was last asked, of proposers that have given something up. */
  #passed: Open[] = [];
  #nextBatch = 1;
  #leader = 0;
  #term = 0;

  /** `resendMs`: how long a sending may stay unanswered before it is made again. */
  constructor(options: { readonly resendMs: number }) {
    this.#resendMs = options.resendMs;
  }

  addWorker(worker: number, incarnation: number): void {
    assert(!this.#proposers.has(incarnation), "an incarnation is used once");
    this.#proposers.set(incarnation, { worker, incarnation, open: new Map(), givenUp: new Set() });
  }

  removeWorker(worker: number): void {
    for (const proposer of this.#proposers.values())
      if (proposer.worker === worker) this.#proposers.delete(proposer.incarnation);
    this.#queue = this.#queue.filter((open) => open.worker !== worker);
  }

  /** The incarnations of the workers that are attached, ascending. */
  incarnations(): readonly number[] {
    return [...this.#proposers.keys()].sort((a, b) => a - b);
  }

  add(incarnation: number, proposal: NewProposal): void {
    const proposer = this.#proposers.get(incarnation);
    assert(proposer !== undefined, "proposals come from attached workers");
    assert(!proposer.open.has(proposal.sequence), "a sequence is proposed once");
    const open: Open = {
      ...proposal,
      worker: proposer.worker,
      incarnation,
      pending: [],
      forgotten: false,
      sentAtMs: Number.NEGATIVE_INFINITY,
      queued: false,
      toldUnknown: false,
      lastReason: "no-leader",
    };
    proposer.open.set(proposal.sequence, open);
    this.#enqueue(open);
  }

  /** Whom proposals go to: 0 if nobody. A new leader, or a new term of the same, is sent everything that is open. */
  setLeader(leader: number, term: number): void {
    if (leader === this.#leader && term === this.#term) return;
    this.#leader = leader;
    this.#term = term;
    if (leader === 0) return;
    for (const { open, givenUp } of this.#proposers.values())
      for (const one of open.values()) if (!givenUp.has(one.sequence)) this.#enqueue(one);
  }

  /** What is to be sent to the leader now; empty without one. */
  takeSendings(nowMs: number): readonly Sending[] {
    if (this.#leader === 0 || this.#queue.length === 0) return [];
    const queue = this.#queue;
    this.#queue = [];
    const sendings: Sending[] = [];
    let group: Open[] = [];
    let bytes = 0;
    const close = () => {
      if (group.length > 0) sendings.push(this.#sending(group, nowMs));
      group = [];
      bytes = 0;
    };
    for (const open of queue) {
      open.queued = false;
      if (open.kind === "membership" || group[0]?.kind === "membership" || bytes > MAX_SENDING_BYTES) close();
      group.push(open);
      bytes += open.payload.length;
    }
    close();
    return sendings;
  }

  /** The sending `batch` of these was not and will not be appended. */
  dropped(batch: number, ids: readonly ProposalId[], reason: DropReason): readonly Ended[] {
    const ended: Ended[] = [];
    for (const id of ids) {
      const open = this.#proposers.get(id.incarnation)?.open.get(id.sequence);
      if (open === undefined || !open.pending.includes(batch)) continue;
      open.pending = open.pending.filter((other) => other !== batch);
      open.lastReason = reason;
      if (isUntaken(open) && (FINAL.has(reason) || this.#isGivenUp(open))) this.#notCommitted(open, ended);
      else if (FINAL.has(reason) && this.#giveUp(open)) ended.push({ ...told(open), outcome: "given-up" });
    }
    return ended;
  }

  /** Its verdict is known. The worker to tell, or undefined if nobody waits. */
  applied(incarnation: number, sequence: number): number | undefined {
    const proposer = this.#proposers.get(incarnation);
    const open = proposer?.open.get(sequence);
    if (proposer === undefined || open === undefined) return undefined;
    proposer.open.delete(sequence);
    proposer.givenUp.delete(sequence);
    if (proposer.givenUp.size > 0) this.#passed.push(open);
    return proposer.worker;
  }

  /** What those that were applied since the last call have overtaken. To be called when all verdicts of a group are told. */
  overtaken(): readonly Ended[] {
    if (this.#passed.length === 0) return [];
    const passed = this.#passed;
    this.#passed = [];
    const ended: Ended[] = [];
    for (const { incarnation, kind, payload } of passed) {
      const floor = floorOf(kind, payload);
      const proposer = this.#proposers.get(incarnation);
      for (const sequence of proposer?.givenUp ?? []) {
        const open = proposer?.open.get(sequence);
        if (sequence < floor && open !== undefined) this.#notCommitted(open, ended);
      }
    }
    return ended;
  }

  /**
   * After the state was replaced: what was given up below its proposer's floor may have been run in what was skipped, and its
   * verdict forgotten. Nobody will ever know.
   */
  skipped(floorOf: (incarnation: number) => number): readonly Ended[] {
    const ended: Ended[] = [];
    for (const { incarnation, open, givenUp } of this.#proposers.values()) {
      for (const sequence of givenUp) {
        const one = open.get(sequence);
        if (one === undefined || sequence >= floorOf(incarnation)) continue;
        this.#forget(one);
        ended.push({ ...told(one), outcome: "unknown" });
      }
    }
    return ended;
  }

  /** Once a tick: times that are over, and sendings to be made again. */
  tick(nowMs: number): readonly Ended[] {
    const ended: Ended[] = [];
    for (const proposer of this.#proposers.values())
      for (const open of proposer.open.values()) this.#tickOne(open, nowMs, ended);
    return ended;
  }

  /** Everything that waits for a verdict, for looking up after the state was replaced. */
  open(): readonly ProposalId[] {
    return [...this.#proposers.values()].flatMap(({ incarnation, open }) =>
      [...open.keys()].map((sequence) => ({ incarnation, sequence })),
    );
  }

  #tickOne(open: Open, nowMs: number, ended: Ended[]): void {
    if (nowMs >= open.expiresAtMs && !open.toldUnknown) {
      if (isUntaken(open)) {
        this.#notCommitted(open, ended);
        return;
      }
      open.toldUnknown = true;
      this.#giveUp(open);
      ended.push({ ...told(open), outcome: "unknown" });
    }
    if (this.#isGivenUp(open)) return;
    // What was dropped is tried again at each tick; what is unanswered after a while.
    if (open.pending.length === 0 || nowMs - open.sentAtMs >= this.#resendMs) this.#enqueue(open);
  }

  #isGivenUp({ incarnation, sequence }: Open): boolean {
    return this.#proposers.get(incarnation)?.givenUp.has(sequence) === true;
  }

  /** False if it was before. A registration, which nothing can overtake, is sent until it is applied. */
  #giveUp(open: Open): boolean {
    const proposer = this.#proposers.get(open.incarnation);
    if (open.sequence === REGISTRATION_SEQUENCE || proposer?.givenUp.has(open.sequence) !== false) return false;
    proposer.givenUp.add(open.sequence);
    const [oldest = 0] = proposer.givenUp;
    const first = proposer.open.get(oldest);
    if (proposer.givenUp.size > MAX_GIVEN_UP && first?.toldUnknown === true) this.#forget(first);
    this.#unqueue(open);
    open.payload = NO_BYTES;
    return true;
  }

  #notCommitted(open: Open, ended: Ended[]): void {
    this.#forget(open);
    // A client that was told "unknown" is not told again.
    ended.push({ ...told(open), outcome: "not-committed", reason: open.lastReason });
  }

  #forget(open: Open): void {
    const proposer = this.#proposers.get(open.incarnation);
    proposer?.open.delete(open.sequence);
    proposer?.givenUp.delete(open.sequence);
    this.#unqueue(open);
  }

  #unqueue(open: Open): void {
    if (open.queued) this.#queue = this.#queue.filter((other) => other !== open);
    open.queued = false;
  }

  #enqueue(open: Open): void {
    if (open.queued) return;
    open.queued = true;
    this.#queue.push(open);
  }

  #sending(group: readonly Open[], nowMs: number): Sending {
    const batch = this.#nextBatch++;
    for (const open of group) {
      open.pending.push(batch);
      if (open.pending.length > MAX_PENDING) {
        open.pending.shift();
        open.forgotten = true;
      }
      open.sentAtMs = nowMs;
    }
    return {
      batch,
      kind: group[0]?.kind ?? "commands",
      ids: group.map(({ incarnation, sequence }) => ({ incarnation, sequence })),
      payloads: group.map(({ payload }) => payload),
    };
  }
}

function told({ worker, sequence }: Open): { readonly worker: number; readonly sequence: number } {
  return { worker, sequence };
}

/** The floor that the state machine raised its proposer's to; 0 if this command raised none. */
function floorOf(kind: ProposalKind, payload: Uint8Array): number {
  if (payload.length === 0) return 0;
  const command = decodeCommand(kind === "commands" ? payload : decodeConfChangeV2(payload).context);
  return isMalformed(command) || command.keyId === 0 ? 0 : command.floor;
}
