/**
 * A network that keeps no order: messages are lost, doubled, late, and overtake each other; links are cut in one direction
 * or in both. Snapshots travel as messages, and how their sending ended is reported, wrongly at times.
 */
import { describeMessage, type Message, type NodeId, quoteData } from "@strongroom/raft";
import type { RaftGroup } from "./raft-group.ts";
import type { RaftMember } from "./raft-member.ts";
import { TICK } from "./raft-swarm.ts";
import { violated } from "./violation.ts";

const SNAPSHOT_TIMEOUT = 20 * TICK;
const STRAGGLE = 60 * TICK;

export class RaftNetwork {
  readonly #group: RaftGroup;
  readonly #cut = new Set<number>();

  constructor(group: RaftGroup) {
    this.#group = group;
  }

  send(from: RaftMember, message: Message): void {
    const { members, oracle, choices, isFaulty, swarm, tally } = this.#group;
    const to = members.get(message.to);
    if (to === undefined) violated("messages go to nodes that there are", `node ${from.id} writes to ${message.to}`);
    oracle.sent(message);
    const isSnapshot = message.type === "MsgSnap";
    if (this.#isLost(from.id, to.id)) {
      if (isSnapshot) from.later(SNAPSHOT_TIMEOUT, (raw) => raw.reportSnapshot(to.id, false));
      else if (choices.chance(20)) from.later(this.#group.delay(TICK), (raw) => raw.reportUnreachable(to.id));
      return;
    }
    this.#deliver(from, to, message);
    if (isFaulty && choices.chance(swarm.faults.duplicate)) {
      tally.fault("duplicate");
      this.#deliver(from, to, message);
    }
    if (!isSnapshot) return;
    if (choices.chance(50)) {
      const ok = !choices.chance(20);
      from.later(this.#group.delay(SNAPSHOT_TIMEOUT), (raw) => raw.reportSnapshot(to.id, ok));
    }
    // Whether it arrives is not known; a report that nothing was heard must free the sender all the same.
    from.later(SNAPSHOT_TIMEOUT + swarm.faults.maxDelay, (raw) => raw.reportSnapshot(to.id, false));
  }

  isCut(from: NodeId, to: NodeId): boolean {
    return this.#cut.has(keyOf(from, to));
  }

  /** Some links go down, many of them in one direction only. */
  partition(): void {
    const { choices, members, tally, transcript, leader } = this.#group;
    const oneWay = choices.chance(50);
    tally.fault(oneWay ? "one-way partition" : "partition");
    const share = choices.chance(50) ? 20 : 40;
    const side = new Set([...members.keys()].filter(() => choices.chance(share)));
    // A leader with a minority is one who is deposed and does not know.
    if (leader !== undefined && choices.chance(50)) side.add(leader.id);
    transcript?.note(`cut off${oneWay ? " outwards" : ""}: ${[...side].join(" ")}`);
    for (const from of members.keys()) {
      for (const to of members.keys()) {
        if (!side.has(from) || side.has(to)) continue;
        this.#cut.add(keyOf(from, to));
        if (!oneWay) this.#cut.add(keyOf(to, from));
      }
    }
  }

  heal(): void {
    this.#cut.clear();
  }

  mend(from: NodeId, to: NodeId): void {
    this.#cut.delete(keyOf(from, to));
  }

  #deliver(from: RaftMember, to: RaftMember, message: Message): void {
    const { time, transcript } = this.#group;
    time.after(this.#transit(), () => {
      if (to.raw === undefined || from === to) return;
      to.later(0, (raw) => {
        transcript?.note(`node ${to.id} hears ${describeMessage(message, quoteData).replaceAll(/\s*\n\s*/g, " ")}`);
        raw.step(message);
      });
    });
  }

  #transit(): number {
    const { isFaulty, choices, swarm, tally } = this.#group;
    const { maxDelay, straggle } = swarm.faults;
    if (!isFaulty || !choices.chance(straggle)) return this.#group.delay(maxDelay);
    tally.fault("straggler");
    return this.#group.delay(STRAGGLE);
  }

  #isLost(from: NodeId, to: NodeId): boolean {
    const { isFaulty, choices, swarm, tally } = this.#group;
    if (this.isCut(from, to)) return true;
    if (!isFaulty || !choices.chance(swarm.faults.loss)) return false;
    tally.fault("loss");
    return true;
  }
}

function keyOf(from: NodeId, to: NodeId): number {
  return from * 1_000 + to;
}
