/** What workers may ask of the replica itself: its status, a transfer of leadership, the state of the keys. */
import type { NodeId, RawNode } from "@strongroom/raft";
import { decodeRow, KEYRING_KEY } from "@strongroom/storage";
import type { ClusterStatus } from "../port/cluster-status.ts";
import type { ControlReply, ControlRequest } from "../port/messages.ts";
import type { AuthenticatorGate } from "./authenticator-gate.ts";
import { milestoneDigest } from "./digest-watch.ts";
import type { PeerBook } from "./peer-book.ts";
import type { ReplicaStateMachine } from "./state-machine.ts";
import { successor } from "./succession.ts";

export interface ControlParts {
  readonly id: NodeId;
  readonly clusterId: () => string | undefined;
  readonly raft: RawNode;
  readonly peers: PeerBook;
  readonly gate: AuthenticatorGate;
  /** Checking of applied entries may go on: the keyring of this index is known, or nothing is checked any more. */
  readonly resumeApplying: (keyringIndex: number) => void;
}

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

  constructor(parts: ControlParts) {
    this.#parts = parts;
  }

  answer(request: ControlRequest, view: ControlView): ControlReply {
    switch (request.type) {
      case "status":
        return { ok: true, status: this.status(view) };
      case "transfer-leadership":
        return this.#transfer(request.to);
      case "digest": {
        const milestone = view.state.milestone();
        return { ok: true, digest: { index: milestone.index, sha256: milestoneDigest(milestone) } };
      }
      case "authenticator":
        return request.state === "open" ? this.#open(request.keyringIndex, view.state) : this.#seal();
    }
  }

  status(view: ControlView): ClusterStatus {
    const { id, raft, peers, gate } = this.#parts;
    const clusterId = this.#parts.clusterId();
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
      members: peers.members(status, view.nowMs, !gate.isOpen),
    };
  }

  /** A leader asks its most advanced voter to take over. False if there is none, or this node does not lead. */
  handOver(): boolean {
    return this.#transfer(0).ok;
  }

  /** A sealed leader asks an open voter that has everything committed to take over. Whom it asked. */
  handOverIfSealed(nowMs: number): NodeId | undefined {
    const { raft, peers, gate } = this.#parts;
    if (gate.isOpen || raft.basicStatus().state !== "StateLeader") return undefined;
    const status = raft.status();
    const isOpen = (id: NodeId) => peers.statusOf(id)?.sealed === false && peers.isOnline(id, nowMs);
    const target = successor(status, isOpen);
    const match = target === undefined ? undefined : status.progress.get(target)?.match;
    if (target === undefined || match === undefined || match < status.commit) return undefined;
    raft.transferLeadership(target);
    return target;
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
        to === 0
          ? "only the leader can choose a successor, and only among active voters; name one, or ask the leader"
          : "leadership can only go to a voter; see the list of peers";
      return { ok: false, code: "bad_target", message };
    }
    raft.transferLeadership(target);
    return { ok: true };
  }

  #open(keyringIndex: number, state: ReplicaStateMachine): ControlReply {
    const bytes = state.get(KEYRING_KEY);
    const newest = bytes === undefined ? 0 : decodeRow(bytes).revision.index;
    if (keyringIndex < newest) {
      return {
        ok: false,
        code: "stale_keyring",
        message: "the keyring changed meanwhile; the newer one is to be opened",
      };
    }
    this.#parts.gate.open();
    this.#parts.resumeApplying(keyringIndex);
    return { ok: true };
  }

  #seal(): ControlReply {
    this.#parts.gate.close();
    this.#parts.resumeApplying(Number.POSITIVE_INFINITY);
    return { ok: true };
  }
}
