/** How one bare group differs from another: size, options of the core, limits, and which faults there are. All zeros: three calm nodes. */
import type { RaftConfig } from "@strongroom/raft";
import type { Choices } from "./choices.ts";

/** One tick of the core, in units of the group's virtual time. */
export const TICK = 100;

/** What is in force in a run: percents of the chances that there are, and the longest delays. */
interface RaftFaults {
  readonly loss: number;
  readonly duplicate: number;
  readonly maxDelay: number;
  /** Of messages that take much longer than others, and find another world. */
  readonly straggle: number;
  readonly maxWrite: number;
  readonly kill: number;
  readonly pause: number;
  readonly partition: number;
  readonly heal: number;
  readonly membership: number;
  readonly transfer: number;
  readonly compact: number;
  readonly forget: number;
}

export interface RaftSwarm {
  readonly count: number;
  readonly voters: number;
  readonly faults: RaftFaults;
  readonly settings: Omit<RaftConfig, "id" | "storage" | "random">;
}

export function drawRaftSwarm(choices: Choices): RaftSwarm {
  const faults: RaftFaults = {
    loss: choices.some(60, 20),
    duplicate: choices.some(50, 20),
    maxDelay: TICK * (1 + choices.below(choices.chance(30) ? 20 : 3)),
    straggle: choices.some(50, 5),
    maxWrite: TICK * (1 + choices.below(choices.chance(30) ? 15 : 2)),
    kill: choices.some(70, 4),
    pause: choices.some(40, 3),
    partition: choices.some(50, 4),
    // A cut that outlasts an election leaves two leaders, of whom one does not know.
    heal: choices.chance(50) ? 1 : 5,
    membership: choices.some(50, 15),
    transfer: choices.some(40, 5),
    compact: choices.some(60, 30),
    forget: choices.some(30, 10),
  };
  const tiny = choices.chance(50);
  const maxSizePerMessage = tiny ? 1 + choices.below(100) : 1 << 20;
  const settings = {
    electionTicks: 5 + choices.below(10),
    heartbeatTicks: 1 + choices.below(2),
    asyncStorageWrites: true,
    preVote: !choices.chance(30),
    checkQuorum: !choices.chance(30),
    // Without it a removed leader leads on and refuses all proposals, for ever.
    stepDownOnRemoval: true,
    // Without it a leader that applies its own removal can leave behind a group in which nobody can win (etcd #12359); and
    // which leader will apply a change is not known when it is proposed.
    commitByVote: choices.chance(50) || faults.membership > 0,
    disableProposalForwarding: choices.chance(50),
    maxSizePerMessage,
    maxCommittedSizePerReady: tiny ? 1 + choices.below(100) : 1 << 20,
    maxUncommittedEntriesSize: choices.chance(30) ? 64 : 1 << 20,
    maxInflightMessages: 1 + choices.below(tiny ? 3 : 64),
    maxInflightBytes: maxSizePerMessage * (1 + choices.below(8)),
  };
  const count = choices.chance(30) ? 1 + choices.below(7) : 3 + choices.below(5);
  // Some are left over to be added. Mostly all vote, since little can go wrong among one or two.
  return { count, voters: choices.chance(40) ? 1 + choices.below(count) : count, faults, settings };
}
