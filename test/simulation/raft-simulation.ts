/**
 * A bare Raft group under a choice sequence. Each run draws its own options and faults, small or large, so that none hides
 * another; at the end the faults stop, for all or for a core only, and the group must recover.
 */
import { type ConfState, type NodeId, type Snapshot, toIndex, toNodeId, toTerm } from "@strongroom/raft";
import type { Choices } from "./choices.ts";
import { RaftClients } from "./raft-clients.ts";
import type { RaftGroup } from "./raft-group.ts";
import { RaftMember } from "./raft-member.ts";
import { RaftNetwork } from "./raft-network.ts";
import { RaftOracle } from "./raft-oracle.ts";
import { drawRaftSwarm, type RaftSwarm, TICK } from "./raft-swarm.ts";
import type { SimulationOptions } from "./run.ts";
import { Tally } from "./tally.ts";
import { Transcript } from "./transcript.ts";
import { violated } from "./violation.ts";
import { VirtualTime } from "./virtual-time.ts";

const START_INDEX = toIndex(2);
const RECOVERY_TICKS = 4_000;
/** A member that has applied all but so many of the leader's entries has caught up with a group at work. */
const NEARLY = 20;

export class RaftSimulation implements RaftGroup {
  readonly time: VirtualTime = new VirtualTime();
  readonly tally: Tally = new Tally();
  readonly choices: Choices;
  readonly swarm: RaftSwarm;
  readonly transcript: Transcript | undefined;
  readonly members: Map<NodeId, RaftMember> = new Map();
  readonly oracle: RaftOracle;
  readonly network: RaftNetwork;
  readonly clients: RaftClients;
  isFaulty = true;
  calm = 0;
  readonly #options: SimulationOptions;
  /** Who comes back when it was killed. */
  #core: ReadonlySet<RaftMember> | undefined;

  constructor(options: SimulationOptions) {
    this.#options = options;
    this.choices = options.choices;
    this.transcript = options.transcribed ? new Transcript(() => this.time.now) : undefined;
    this.swarm = drawRaftSwarm(this.choices);
    this.transcript?.note(`swarm ${JSON.stringify(this.swarm)}`);
    this.network = new RaftNetwork(this);
    this.clients = new RaftClients(this);
    const ids = Array.from({ length: this.swarm.count }, (_, i) => toNodeId(i + 1));
    const first = firstSnapshot(ids.slice(0, this.swarm.voters));
    for (const id of ids) this.members.set(id, new RaftMember(id, this, id <= this.swarm.voters ? first : undefined));
    this.oracle = new RaftOracle(this.tally, new Map([...this.members].map(([id, { disk }]) => [id, disk])));
  }

  run(): void {
    for (const member of this.members.values()) {
      member.start();
      member.tickLater();
    }
    this.#workLater();
    this.#faultLater();
    while (this.time.events < this.#options.events) this.time.step();
    this.#recover();
  }

  delay(max: number): number {
    return 1 + this.choices.below(this.isFaulty ? max : TICK / 2);
  }

  #workLater(): void {
    this.time.after(1 + this.choices.below(TICK), () => {
      const member = this.#anyMember();
      const committed = this.oracle.maxCommit;
      // A paused process finds what was asked of it meanwhile, in order with all else that came.
      member.later(0, (raw) => this.clients.request(member, raw, committed));
      this.#workLater();
    });
  }

  #faultLater(): void {
    this.time.after(1 + this.choices.below(2 * TICK), () => {
      if (!this.isFaulty) return;
      const { kill, pause, partition, heal } = this.swarm.faults;
      const member = this.#anyMember();
      if (member.raw === undefined) {
        if (this.choices.chance(20)) member.start();
      } else if (this.choices.chance(kill)) {
        this.tally.fault("kill");
        member.kill();
      } else if (this.choices.chance(pause)) {
        this.tally.fault("pause");
        const paused = this.choices.chance(50) ? (this.leader ?? member) : member;
        paused.pausedUntil = this.time.now + this.choices.below(40 * TICK);
        this.transcript?.note(`node ${paused.id} stands still until ${paused.pausedUntil}`);
      }
      if (this.choices.chance(partition)) this.network.partition();
      else if (this.choices.chance(heal)) this.network.heal();
      this.#faultLater();
    });
  }

  // With all faults over, somebody leads, a write commits, and all members of the core come to have it.
  #recover(): void {
    this.isFaulty = false;
    const core = this.#drawCore();
    this.#core = core;
    this.transcript?.note(`calm among ${[...core].map(({ id }) => id).join(" ")}`);
    for (const { id: from } of core) for (const { id: to } of core) this.network.mend(from, to);
    for (const member of this.members.values()) {
      if (core.has(member)) {
        if (member.raw === undefined) member.start();
      } else if (this.choices.chance(30)) member.kill();
    }
    const before = this.oracle.maxCommit;
    const start = this.time.now;
    while (this.time.now < start + RECOVERY_TICKS * TICK) {
      for (let i = 0; i < 100; i++) this.time.step();
      if (this.#hasRecovered(before)) {
        this.calm = (this.time.now - start) / TICK;
        return;
      }
    }
    const states = [...this.members.values()].map(
      ({ id, raw, applied }) => `${id}: ${JSON.stringify(raw?.status())} applied ${applied}`,
    );
    violated("liveness", `no write reached the core within ${RECOVERY_TICKS} ticks\n${states.join("\n")}`);
  }

  #hasRecovered(before: number): boolean {
    const { leader } = this;
    if (leader === undefined || this.oracle.maxCommit <= before) return false;
    const { voters, votersOutgoing, learners } = leader.confState;
    const members = [...voters, ...votersOutgoing, ...learners].map((id) => this.members.get(id) as RaftMember);
    return members.every((member) => {
      if (this.#core?.has(member) !== true) return true;
      // A leader outside of the core leads on if a quorum hears it, and whom it does not reach goes without.
      if (this.network.isCut(leader.id, member.id) || this.network.isCut(member.id, leader.id)) return true;
      return member.applied > before && member.applied > leader.applied - NEARLY;
    });
  }

  // A core smaller than all makes sense only where the others cannot keep it from its work: with both safeguards on, and
  // with no change of membership under way.
  #drawCore(): ReadonlySet<RaftMember> {
    const all = new Set(this.members.values());
    const { preVote, checkQuorum } = this.swarm.settings;
    if (this.#options.liveness !== true || preVote !== true || checkQuorum !== true) return all;
    let newest: RaftMember | undefined;
    for (const member of all) if (newest === undefined || member.applied > newest.applied) newest = member;
    if (newest === undefined) return all;
    const { applied, confState } = newest;
    for (const { disk, raw } of all) {
      const last = raw?.basicStatus().lastIndex ?? 0;
      if (Math.max(last, disk.lastIndex()) > applied && this.swarm.faults.membership > 0) return all;
    }
    const core = new Set<RaftMember>();
    for (const voters of [confState.voters, confState.votersOutgoing]) this.#addMajority(core, voters);
    return core;
  }

  #addMajority(core: Set<RaftMember>, voters: readonly NodeId[]): void {
    const members = voters.map((id) => this.members.get(id) as RaftMember);
    const left = members.filter((member) => !core.has(member));
    while (members.filter((member) => core.has(member)).length * 2 <= members.length && left.length > 0)
      for (const member of left.splice(this.choices.below(left.length), 1)) core.add(member);
  }

  get leader(): RaftMember | undefined {
    let best: RaftMember | undefined;
    let highest = 0;
    for (const member of this.members.values()) {
      const status = member.raw?.basicStatus();
      if (status?.state !== "StateLeader" || status.term <= highest) continue;
      best = member;
      highest = status.term;
    }
    return best;
  }

  #anyMember(): RaftMember {
    return this.choices.pick([...this.members.values()]);
  }
}

function firstSnapshot(voters: readonly NodeId[]): Snapshot {
  const confState: ConfState = { voters, votersOutgoing: [], learners: [], learnersNext: [], autoLeave: false };
  return { metadata: { index: START_INDEX, term: toTerm(1), confState }, data: new Uint8Array(0) };
}
