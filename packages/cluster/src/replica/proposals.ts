/**
 * The way of a proposal: from a worker of this node to whoever leads, from any node into the log of a leader, and the
 * answers back. Raft's own forwarding is off: the leader's replica checks who signed a command and what the proposer's
 * clock says, packs what came in a turn into entries, and stamps them with the log's time.
 */
import {
  type ConfState,
  decodeConfChangeV2,
  encodeConfChangeV2,
  type NodeId,
  type ProposeResult,
  type RawNode,
} from "@strongroom/raft";
import { assert, type LogFields } from "@strongroom/runtime";
import { encodeEntryBody, LIMITS } from "@strongroom/storage";
import type { WorkerToReplica } from "../port/messages.ts";
import type { AppliedVerdict } from "../state/types.ts";
import type { DropReason, PeerMessage, ProposalId } from "../transport/message.ts";
import { growsStore } from "./growth.ts";
import { type Intake, LeaderIntake, packCommands } from "./leader-intake.ts";
import { type Instant, isSkewed, type LogClock } from "./log-clock.ts";
import { type Ended, ProposalTracker, type Sending } from "./proposal-tracker.ts";
import type { ReplicaStateMachine } from "./state-machine.ts";
import { VerdictMessages } from "./verdict-messages.ts";
import { isUnsigned, judgeCommand, type VerificationRules } from "./verification.ts";
import type { WorkerBook } from "./worker-book.ts";

export interface ProposalsParts {
  readonly id: NodeId;
  readonly raft: RawNode;
  readonly clock: LogClock;
  readonly rules: VerificationRules;
  readonly workers: WorkerBook;
  readonly post: (to: NodeId, message: PeerMessage) => void;
  /** Disks are nearly full: only what does not grow the store is taken. */
  readonly refusesGrowth: () => boolean;
  readonly alarm: (text: string, fields: LogFields) => void;
}

/** The applied state as far as stamping needs it. */
export interface StampingState {
  readonly appliedTerm: number;
  readonly confState: ConfState;
  /** For judging growth. */
  get(key: Uint8Array): Uint8Array | undefined;
}

type PeerProposal = Extract<PeerMessage, { type: "propose" | "propose-membership" }>;
type WorkerProposal = Extract<WorkerToReplica, { type: "propose" | "propose-membership" }>;

const NO_BYTES = new Uint8Array(0);

const PACK_LIMITS = { maxBytes: 256 * 1024, maxCommands: LIMITS.commandsPerEntry };

const DROP_REASONS: Readonly<Record<Extract<ProposeResult, { ok: false }>["reason"], DropReason>> = {
  "no-leader": "not-leader",
  "not-leader": "not-leader",
  transferring: "transferring",
  "too-much-uncommitted": "busy",
  "conf-change-refused": "conf-change-refused",
};

export class Proposals {
  readonly tracker: ProposalTracker;
  readonly #parts: ProposalsParts;
  readonly #intake = new LeaderIntake();
  #alarmed = false;
  #refusing = false;

  constructor(options: { readonly resendMs: number }, parts: ProposalsParts) {
    this.tracker = new ProposalTracker(options);
    this.#parts = parts;
  }

  /** Takes nothing into the log any more, until the process is started again. */
  refuseAll(): void {
    this.#refusing = true;
  }

  fromWorker(incarnation: number, message: WorkerProposal, nowMs: number): void {
    if (message.type === "propose-membership") {
      const { sequence, timeoutMs, change } = message;
      const payload = encodeConfChangeV2(change);
      this.tracker.add(incarnation, { sequence, kind: "membership", payload, expiresAtMs: nowMs + timeoutMs });
      return;
    }
    let offset = 0;
    for (const [i, sequence] of message.sequences.entries()) {
      const size = message.sizes[i] ?? 0;
      const payload = message.packed.subarray(offset, offset + size);
      offset += size;
      const expiresAtMs = nowMs + (message.timeoutsMs[i] ?? 0);
      this.tracker.add(incarnation, { sequence, kind: "commands", payload, expiresAtMs });
    }
  }

  fromPeer(from: NodeId, senderWallMs: number, message: PeerProposal, now: Instant): void {
    const payloads = message.type === "propose" ? message.commands : [message.change];
    const kind = message.type === "propose" ? "commands" : "membership";
    const taken: { readonly id: ProposalId; readonly payload: Uint8Array }[] = [];
    const forged: ProposalId[] = [];
    const early: ProposalId[] = [];
    for (const payload of payloads) {
      const command = kind === "commands" ? payload : commandOfChange(payload);
      const judged = command === undefined ? undefined : judgeCommand(command, this.#parts.rules);
      // What is no command, or another node's, has nobody who waits for an answer.
      if (judged?.command?.proposer.node !== from) continue;
      const { proposer, sequence } = judged.command;
      const id = { incarnation: proposer.incarnation, sequence };
      // A sealed leader takes what it cannot check: the followers that can will.
      if (judged.authenticity === "ok" || judged.authenticity === "sealed") taken.push({ id, payload });
      else if (judged.authenticity === "unknown-key") early.push(id);
      else forged.push(id);
    }
    const { batch } = message;
    this.#drop(from, batch, "unauthentic", forged);
    // Signed with a key that this node is about to learn.
    this.#drop(from, batch, "busy", early);
    const ids = taken.map(({ id }) => id);
    if (isSkewed(senderWallMs, now)) this.#drop(from, batch, "clock-skew", ids);
    else this.#offer({ origin: from, batch, kind, ids, payloads: taken.map(({ payload }) => payload) });
  }

  dropped(message: Extract<PeerMessage, { type: "proposal-dropped" }>): void {
    this.#tell(this.tracker.dropped(message.batch, message.proposals, message.reason));
  }

  tick(nowMs: number): void {
    this.#tell(this.tracker.tick(nowMs));
  }

  /** Sends what is due to `leader`, which may be this node; 0: to nobody. */
  send(leader: NodeId, term: number, nowMs: number): void {
    this.tracker.setLeader(leader, term);
    for (const sending of this.tracker.takeSendings(nowMs)) {
      if (leader === this.#parts.id) this.#offerOwn({ origin: leader, ...sending });
      else this.#parts.post(leader, proposeMessage(sending));
    }
  }

  /** Packs what waits into the log; or answers that it was dropped, if this node does not lead. */
  append(state: StampingState, now: Instant): void {
    if (this.#intake.isEmpty) return;
    const status = this.#parts.raft.basicStatus();
    if (status.state !== "StateLeader") {
      for (const intake of this.#intake.take()) this.#drop(intake.origin, intake.batch, "not-leader", intake.ids);
      return;
    }
    if (this.#refusing) {
      for (const intake of this.#intake.take()) this.#drop(intake.origin, intake.batch, "busy", intake.ids);
      return;
    }
    // Not before an entry of this term is applied: the log's last stamp is only then known.
    if (state.appliedTerm !== status.term) return;
    const taken = this.#intake.take();
    const intakes = this.#parts.refusesGrowth() ? this.#withoutGrowth(taken, state) : taken;
    const logTimeMs = this.#stamp(state.confState, now);
    this.#appendCommands(
      intakes.filter(({ kind }) => kind === "commands"),
      logTimeMs,
    );
    for (const intake of intakes) if (intake.kind === "membership") this.#appendMembership(intake, logTimeMs);
  }

  /** Tells the workers of this node what has become of their proposals. */
  applied(verdicts: readonly Pick<AppliedVerdict, "proposer" | "sequence" | "verdict">[]): void {
    const byWorker = new Map<number, VerdictMessages>();
    for (const { proposer, sequence, verdict } of verdicts) {
      if (proposer.node !== this.#parts.id) continue;
      const worker = this.tracker.applied(proposer.incarnation, sequence);
      if (worker === undefined) continue;
      const told = byWorker.get(worker) ?? new VerdictMessages();
      byWorker.set(worker, told);
      told.add(sequence, verdict);
    }
    for (const [worker, told] of byWorker)
      for (const message of told.messages()) this.#parts.workers.post(worker, message);
    this.#tell(this.tracker.overtaken());
  }

  /** A snapshot has skipped entries: the verdicts of what was in them are in its proposer table, as far as anybody waited. */
  lookUp(state: Pick<ReplicaStateMachine, "verdict" | "floor">): void {
    const node = this.#parts.id;
    this.#tell(this.tracker.skipped((incarnation) => state.floor({ node, incarnation })));
    this.applied(
      this.tracker.open().flatMap(({ incarnation, sequence }) => {
        const proposer = { node, incarnation };
        const verdict = state.verdict(proposer, sequence);
        return verdict === undefined ? [] : [{ proposer, sequence, verdict }];
      }),
    );
  }

  /** Changes of membership go through: they are how a full disk is replaced. */
  #withoutGrowth(intakes: readonly Intake[], state: StampingState): readonly Intake[] {
    return intakes.flatMap((intake) => {
      if (intake.kind === "membership") return [intake];
      const grows = intake.payloads.map((payload) => growsStore(payload, (key) => state.get(key)));
      const refused = intake.ids.filter((_, i) => grows[i] === true);
      this.#drop(intake.origin, intake.batch, "disk-full", refused);
      const ids = intake.ids.filter((_, i) => grows[i] !== true);
      return ids.length === 0
        ? []
        : [{ ...intake, ids, payloads: intake.payloads.filter((_, i) => grows[i] !== true) }];
    });
  }

  #appendCommands(intakes: readonly Intake[], logTimeMs: number): void {
    const payloads = intakes.flatMap((intake) => intake.payloads);
    if (payloads.length === 0) return;
    const bodies = packCommands(payloads, PACK_LIMITS).map((commands) =>
      encodeEntryBody({ kind: "commands", version: 1, logTimeMs, commands }),
    );
    this.#refuse(intakes, this.#parts.raft.propose(bodies));
  }

  #appendMembership(intake: Intake, logTimeMs: number): void {
    const [payload] = intake.payloads;
    assert(payload !== undefined, "a membership proposal has one change");
    const change = decodeConfChangeV2(payload);
    const context = encodeEntryBody({ kind: "membership", version: 1, logTimeMs, commands: [change.context] });
    this.#refuse([intake], this.#parts.raft.proposeConfChange({ ...change, context }));
  }

  #refuse(intakes: readonly Intake[], result: ProposeResult): void {
    if (result.ok) return;
    for (const intake of intakes) this.#drop(intake.origin, intake.batch, DROP_REASONS[result.reason], intake.ids);
  }

  #stamp(conf: ConfState, now: Instant): number {
    const voters = [...new Set([...conf.voters, ...conf.votersOutgoing])];
    const { logTimeMs, alarm } = this.#parts.clock.stamp(now, voters, this.#parts.id);
    if (alarm && !this.#alarmed)
      this.#parts.alarm("this leader's clock is far ahead of the log and not backed by most voters: set it right", {
        wallMs: now.wallMs,
        logTimeMs,
      });
    this.#alarmed = alarm;
    return logTimeMs;
  }

  /**
   * Its own workers' signatures this node need not check; but what bears none must not get into the log, where the others
   * would take it for an attack.
   */
  #offerOwn(intake: Intake): void {
    const unsigned = (payload: Uint8Array) => {
      const command = intake.kind === "commands" ? payload : commandOfChange(payload);
      return (
        command === undefined || (isUnsigned(command) && judgeCommand(command, this.#parts.rules).authenticity !== "ok")
      );
    };
    const bad = intake.ids.filter((_, i) => unsigned(intake.payloads[i] ?? NO_BYTES));
    if (bad.length === 0) {
      this.#offer(intake);
      return;
    }
    this.#drop(intake.origin, intake.batch, "unauthentic", bad);
    const payloads = intake.payloads.filter((payload) => !unsigned(payload));
    this.#offer({ ...intake, ids: intake.ids.filter((one) => !bad.includes(one)), payloads });
  }

  #offer(intake: Intake): void {
    if (intake.ids.length === 0 || this.#intake.offer(intake)) return;
    this.#drop(intake.origin, intake.batch, "busy", intake.ids);
  }

  #drop(origin: number, batch: number, reason: DropReason, ids: readonly ProposalId[]): void {
    if (ids.length === 0) return;
    if (origin === this.#parts.id) this.#tell(this.tracker.dropped(batch, ids, reason));
    else this.#parts.post(origin as NodeId, { type: "proposal-dropped", batch, reason, proposals: ids });
  }

  #tell(ended: readonly Ended[]): void {
    for (const one of ended) {
      const sequences = [one.sequence];
      if (one.outcome !== "not-committed") this.#parts.workers.post(one.worker, { type: one.outcome, sequences });
      else this.#parts.workers.post(one.worker, { type: "not-committed", sequences, reason: one.reason });
    }
  }
}

function proposeMessage({ batch, kind, payloads }: Sending): PeerMessage {
  if (kind === "commands") return { type: "propose", batch, commands: payloads };
  const [change] = payloads;
  assert(change !== undefined, "a membership sending has one change");
  return { type: "propose-membership", batch, change };
}

/** The command that goes with an encoded change; undefined if the bytes are none. */
function commandOfChange(payload: Uint8Array): Uint8Array | undefined {
  try {
    return decodeConfChangeV2(payload).context;
  } catch {
    return undefined;
  }
}
