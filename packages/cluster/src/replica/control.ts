/** What workers may ask of the replica itself: its status, a transfer of leadership, the state of the keys. */
import type { NodeId, RawNode } from "@strongroom/raft";
import { decodeRow, KEYRING_KEY } from "@strongroom/storage";
import type { ClusterStatus } from "../port/cluster-status.ts";
import type { ControlReply, ControlRequest } from "../port/messages.ts";
import { ORIGIN_KEY } from "../state/origin.ts";
import type { NodeStatusMessage } from "../transport/message.ts";
import type { AuthenticatorGate } from "./authenticator-gate.ts";
import { milestoneDigest } from "./digest-watch.ts";
import type { DiskGuard } from "./disk-guard.ts";
import type { Effect } from "./effects.ts";
import type { ReplicaOptions } from "./options.ts";
import type { PeerBook } from "./peer-book.ts";
import type { StateAgreement } from "./state-agreement.ts";
import type { ReplicaStateMachine } from "./state-machine.ts";
import type { StorageDriver } from "./storage-driver.ts";
import { successor } from "./succession.ts";

export interface ControlParts {
  readonly options: Pick<ReplicaOptions, "id" | "clusterId" | "clusterAddress" | "supportedVersion" | "timings">;
  readonly raft: RawNode;
  readonly peers: PeerBook;
  readonly gate: AuthenticatorGate;
  readonly disk: DiskGuard;
  readonly storage: StorageDriver;
  readonly agreement: () => StateAgreement;
  readonly emit: (effect: Effect) => void;
}

type AuthenticatorRequest = Extract<ControlRequest, { type: "authenticator" }>;

/** What changes from turn to turn. */
export interface ControlView {
  readonly state: ReplicaStateMachine;
  readonly writtenIndex: number;
  readonly logTimeMs: number;
  readonly nowMs: number;
}

const STATE_NAMES = {
  StateLeader: "leader",
  StateFollower: "follower",
  StateCandidate: "candidate",
  StatePreCandidate: "pre-candidate",
} as const;

export class Control {
  readonly #parts: ControlParts;
  /** The worker that has applying stand still while it proves the state. */
  #prover: number | undefined;

  constructor(parts: ControlParts) {
    this.#parts = parts;
  }

  answer(worker: number, request: ControlRequest, view: ControlView): ControlReply {
    switch (request.type) {
      case "status":
        return { ok: true, status: this.status(view) };
      case "transfer-leadership":
        return this.#transfer(request.to);
      case "digest": {
        const milestone = view.state.milestone();
        return { ok: true, digest: { index: milestone.index, sha256: milestoneDigest(milestone) } };
      }
      case "milestone": {
        const milestone = this.#parts.agreement().agreed;
        return { ok: true, ...(milestone === undefined ? {} : { milestone }) };
      }
      case "quarantine":
        this.#parts.emit({ type: "quarantine", index: view.state.appliedIndex, reason: request.reason });
        return { ok: true };
      case "authenticator":
        return this.#authenticator(worker, request, view.state);
    }
  }

  /** What it had asked for is over. */
  workerGone(worker: number): void {
    if (this.#prover === worker) this.#endProof();
  }

  status(view: ControlView): ClusterStatus {
    const { options, raft, peers, disk } = this.#parts;
    const { id } = options;
    const clusterId = options.clusterId();
    const status = raft.status();
    return {
      nodeId: id,
      ...(clusterId === undefined ? {} : { clusterId }),
      leaderId: status.lead,
      term: status.term,
      state: STATE_NAMES[status.state],
      commitIndex: status.commit,
      appliedIndex: view.writtenIndex,
      logTimeMs: view.logTimeMs,
      clusterVersion: view.state.clusterVersion,
      diskLow: disk.isLow,
      refusesGrowth: disk.refusesGrowth,
      members: peers.members(status, view.nowMs, this.nodeStatus()),
    };
  }

  /** What this node says of itself to its peers. */
  nodeStatus(): NodeStatusMessage {
    const { options, gate, storage } = this.#parts;
    const { newest } = this.#parts.agreement();
    return {
      type: "node-status",
      clusterAddress: options.clusterAddress,
      sealed: !gate.isOpen,
      diskLow: this.#parts.disk.isLow,
      appliedIndex: storage.written.index,
      supportedVersion: options.supportedVersion,
      digestIndex: newest.index,
      digest: newest.digest,
    };
  }

  /** A leader asks its most advanced voter to take over. False if there is none, or this node does not lead. */
  handOver(): boolean {
    return this.#transfer(0).ok;
  }

  /**
   * A leader that is sealed, or whose disk is low, asks a voter to take over that is open, has everything committed and, for the
   * second, room on its disk. Without one it goes on.
   */
  handOverIfUnfit(nowMs: number): void {
    const { raft, peers, gate, disk, emit } = this.#parts;
    if ((gate.isOpen && !disk.isLow) || raft.basicStatus().state !== "StateLeader") return;
    const status = raft.status();
    const suits = (id: NodeId) => {
      const told = peers.statusOf(id);
      return told?.sealed === false && (!gate.isOpen || !told.diskLow) && peers.isOnline(id, nowMs);
    };
    const to = successor(status, suits);
    const match = to === undefined ? undefined : status.progress.get(to)?.match;
    if (to === undefined || match === undefined || match < status.commit) return;
    raft.transferLeadership(to);
    const text = gate.isOpen
      ? "this leader's disk is nearly full and hands over to a voter that has room"
      : "this leader is sealed and hands over to an open voter";
    emit({ type: "log", level: "info", text, fields: { to } });
  }

  /** Once a tick: a leader whose disk has been silent for an election's time is none that anybody can use. */
  watchDisk(): void {
    const { options, raft, storage, emit } = this.#parts;
    storage.tick();
    if (storage.silentTicks !== options.timings.electionTicks || raft.basicStatus().state !== "StateLeader") return;
    const text = "the disk of this leader does not answer; it hands over if another voter can take over";
    emit({ type: "log", level: "warn", text, fields: {} });
    this.handOver();
  }

  #transfer(to: number): ControlReply {
    const { raft } = this.#parts;
    const status = raft.status();
    if (status.lead === 0) {
      return { ok: false, code: "unavailable", message: "no node leads at the moment; try again after the election" };
    }
    const target = to === 0 ? successor(status, () => true) : status.conf.voters.find((id) => id === to);
    if (target === undefined) {
      const message =
        to !== 0
          ? "leadership can only go to a voter; see the list of peers"
          : status.lead === status.id
            ? "no other voter is there that could take over"
            : "only the leader can choose a successor; name one, or ask the leader";
      return { ok: false, code: "bad_target", message };
    }
    raft.transferLeadership(target);
    return { ok: true };
  }

  #authenticator(worker: number, request: AuthenticatorRequest, state: ReplicaStateMachine): ControlReply {
    switch (request.state) {
      case "proving":
        this.#prover = worker;
        return { ok: true, index: this.#parts.storage.hold(request.upTo) };
      case "unproven":
        this.#endProof();
        return { ok: true };
      case "open":
        return this.#open(request, state);
      case "sealed":
        this.#parts.gate.close();
        this.#endProof();
        this.#parts.storage.resume(Number.POSITIVE_INFINITY);
        return { ok: true };
    }
  }

  #open(request: Extract<AuthenticatorRequest, { state: "open" }>, state: ReplicaStateMachine): ControlReply {
    const { keyringIndex, provenIndex, origin } = request;
    const { gate, storage, emit } = this.#parts;
    const bytes = state.get(KEYRING_KEY);
    const newest = bytes === undefined ? 0 : decodeRow(bytes).revision.index;
    if (keyringIndex < newest) {
      return {
        ok: false,
        code: "stale_keyring",
        message: "the keyring changed meanwhile; the newer one is to be opened",
      };
    }
    // An open node has checked all that it applied since; a sealed one, what was proven and nothing more.
    if (!gate.isOpen && (state.appliedIndex > provenIndex || storage.isInstalling)) {
      return { ok: false, code: "unproven", message: "the state went on while it was being proven; try again" };
    }
    gate.open();
    if (origin !== undefined) emit({ type: "write-local", op: { type: "put", key: ORIGIN_KEY, value: origin } });
    this.#endProof();
    storage.resume(keyringIndex);
    return { ok: true };
  }

  #endProof(): void {
    this.#prover = undefined;
    this.#parts.storage.release();
  }
}
