/** Transcripts of whole groups: each directive does one thing to the nodes and prints what came of it. */

import {
  type ConfChangeTransition,
  describeEntries,
  describeMessage,
  type Message,
  type MessageType,
  type ProposeResult,
  RaftInvariantError,
  type Snapshot,
  toIndex,
  toNodeId,
  toTerm,
} from "@strongroom/raft";
import { describeProgressOf, parseChanges, setRandomizedElectionTicks } from "@strongroom/raft/testing";
import { type Directive, type Handler, valuesOf, wordsOf } from "./datadriven.ts";
import { InteractionEnvironment, type NodeOptions, type Recipient, stepError } from "./interaction-environment.ts";

const MAX_INFLIGHT = 0x7fffffff;

/** A handler that starts without nodes. */
export function interactionHandler(): Handler {
  const environment = new InteractionEnvironment();
  const { output } = environment;
  return (directive) => {
    const command = COMMANDS[directive.command];
    if (command === undefined) throw new Error(`unknown command ${directive.command}`);
    let error = "";
    try {
      command(environment, directive);
    } catch (thrown) {
      if (thrown instanceof Refusal) error = thrown.message;
      // Where a process would end.
      else if (thrown instanceof RaftInvariantError) output.write(`FATAL ${thrown.message}\n`);
      else throw thrown;
    }
    const text = output.take() + error;
    return text === "" ? "ok" : text;
  };
}

// Writes to the environment's output; what the nodes refuse is thrown as a `Refusal`.
type Command = (environment: InteractionEnvironment, directive: Directive) => void;

/** A node's refusal, which a transcript shows even at level NONE. */
class Refusal extends Error {}

function expectTaken(result: ProposeResult): void {
  const error = result.ok ? undefined : stepError(result.reason);
  if (error !== undefined) throw new Refusal(error);
}

const COMMANDS: Readonly<Record<string, Command>> = {
  _breakpoint: () => {},
  "add-nodes": addNodes,
  campaign: (environment, directive) => environment.node(onlyId(directive)).raw.campaign(),
  compact(environment, directive) {
    const [id, index] = numbersOf(directive);
    environment.node(id as number).storage.compact(toIndex(index as number));
    raftLog(environment, id as number);
  },
  "deliver-msgs": deliver,
  "forget-leader": (environment, directive) => environment.node(onlyId(directive)).raw.forgetLeader(),
  "log-level": (environment, directive) => environment.output.setLevel(wordsOf(directive)[0] ?? ""),
  "process-ready": (environment, directive) =>
    each(environment, directive, "handling Ready", (id) => environment.processReady(id)),
  "process-append-thread": (environment, directive) =>
    each(environment, directive, "processing append thread", (id) => environment.processAppend(id)),
  "process-apply-thread": (environment, directive) =>
    each(environment, directive, "processing apply thread", (id) => environment.processApply(id)),
  propose(environment, directive) {
    const [id, data] = wordsOf(directive);
    expectTaken(environment.node(Number(id)).raw.propose([new TextEncoder().encode(data)]));
  },
  "propose-conf-change": proposeConfChange,
  "raft-log": (environment, directive) => raftLog(environment, onlyId(directive)),
  "raft-state": raftState,
  // Ours, like `restart`, `wipe` and `report-snapshot`: etcd's transcripts have none of them.
  "read-index"(environment, directive) {
    const [id, context] = numbersOf(directive);
    environment.node(id as number).raw.readIndex(context as number);
  },
  "report-snapshot"(environment, directive) {
    const [id, other] = numbersOf(directive);
    const ok = valuesOf(directive, "ok")[0] === "true";
    environment.node(id as number).raw.reportSnapshot(toNodeId(other as number), ok);
  },
  "report-unreachable"(environment, directive) {
    const [id, other] = numbersOf(directive);
    environment.node(id as number).raw.reportUnreachable(toNodeId(other as number));
  },
  restart: (environment, directive) => environment.restart(onlyId(directive)),
  wipe: (environment, directive) => environment.wipe(onlyId(directive)),
  "send-snapshot": sendSnapshot,
  "set-randomized-election-timeout"(environment, directive) {
    setRandomizedElectionTicks(environment.node(onlyId(directive)).raw, Number(valuesOf(directive, "timeout")[0]));
  },
  stabilize(environment, directive) {
    const { output } = environment;
    const [level] = valuesOf(directive, "log-level");
    const before = output.level;
    if (level !== undefined) output.setLevel(level);
    environment.stabilize(numbersOf(directive));
    output.setLevel(before);
  },
  status: (environment, directive) =>
    environment.output.write(describeProgressOf(environment.node(onlyId(directive)).raw)),
  "tick-election": (environment, directive) => tick(environment, directive, "electionTicks"),
  "tick-heartbeat": (environment, directive) => tick(environment, directive, "heartbeatTicks"),
  "transfer-leadership"(environment, directive) {
    const from = Number(valuesOf(directive, "from")[0]);
    environment.node(from).raw.transferLeadership(toNodeId(Number(valuesOf(directive, "to")[0])));
  },
};

function addNodes(environment: InteractionEnvironment, directive: Directive): void {
  const ids = (key: string): ReturnType<typeof toNodeId>[] =>
    valuesOf(directive, key).map((id) => toNodeId(Number(id)));
  const flag = (key: string): boolean => valuesOf(directive, key)[0] === "true";
  const [index] = valuesOf(directive, "index");
  const [inflight] = valuesOf(directive, "inflight");
  const [committed] = valuesOf(directive, "max-committed-size-per-ready");
  // Ours, like `commit-by-vote`.
  const [perMessage] = valuesOf(directive, "max-size-per-message");
  const start: Snapshot = {
    metadata: {
      index: toIndex(Number(index ?? 0)),
      term: toTerm(1),
      confState: {
        voters: ids("voters"),
        votersOutgoing: [],
        learners: ids("learners"),
        learnersNext: [],
        autoLeave: false,
      },
    },
    data: new TextEncoder().encode(valuesOf(directive, "content")[0] ?? ""),
  };
  const bootstrap = ["voters", "learners", "index", "content"].some((key) => valuesOf(directive, key).length > 0);
  if (bootstrap && start.metadata.index <= 1) throw new Refusal("index must be specified as > 1 due to bootstrap");
  const options: NodeOptions = {
    electionTicks: 3,
    heartbeatTicks: 1,
    applied: start.metadata.index,
    maxInflightMessages: inflight === undefined ? MAX_INFLIGHT : Number(inflight),
    ...(committed === undefined ? {} : { maxCommittedSizePerReady: Number(committed) }),
    ...(perMessage === undefined ? {} : { maxSizePerMessage: Number(perMessage) }),
    asyncStorageWrites: flag("async-storage-writes"),
    preVote: flag("prevote"),
    checkQuorum: flag("checkquorum"),
    disableConfChangeValidation: flag("disable-conf-change-validation"),
    stepDownOnRemoval: flag("step-down-on-removal"),
    commitByVote: flag("commit-by-vote"),
    readOnlyOption: valuesOf(directive, "read-only")[0] === "lease-based" ? "lease-based" : "safe",
  };
  environment.addNodes(Number(wordsOf(directive)[0]), options, bootstrap ? start : undefined);
}

function deliver(environment: InteractionEnvironment, directive: Directive): void {
  const recipients: Recipient[] = numbersOf(directive).map((id) => ({ id, drop: false }));
  for (const id of valuesOf(directive, "drop")) recipients.push({ id: Number(id), drop: true });
  const [type] = valuesOf(directive, "type");
  if (environment.deliver(type as MessageType | undefined, recipients) === 0) environment.output.write("no messages\n");
}

function proposeConfChange(environment: InteractionEnvironment, directive: Directive): void {
  const { raw } = environment.node(onlyId(directive));
  const changes = parseChanges(directive.input);
  const context = new Uint8Array(0);
  if (valuesOf(directive, "v1")[0] === "true") {
    const [change] = changes;
    if (change === undefined || changes.length > 1) throw new Error("a change of the first version is exactly one");
    expectTaken(raw.proposeConfChangeV1({ ...change, context }));
    return;
  }
  const transition = TRANSITIONS[valuesOf(directive, "transition")[0] ?? "auto"];
  if (transition === undefined) throw new Error("unknown transition");
  expectTaken(raw.proposeConfChange({ transition, changes, context }));
}

const TRANSITIONS: Readonly<Record<string, ConfChangeTransition>> = {
  auto: "ConfChangeTransitionAuto",
  implicit: "ConfChangeTransitionJointImplicit",
  explicit: "ConfChangeTransitionJointExplicit",
};

function raftLog(environment: InteractionEnvironment, id: number): void {
  const { storage } = environment.node(id);
  const first = storage.firstIndex();
  const last = storage.lastIndex();
  if (last < first) {
    environment.output.write(`log is empty: first index=${first}, last index=${last}`);
    return;
  }
  environment.output.write(describeEntries(storage.entries(first, toIndex(last + 1), Number.POSITIVE_INFINITY)));
}

function raftState({ nodes, output }: InteractionEnvironment): void {
  for (const { raw } of nodes) {
    const { id, state, term, lead, conf } = raw.status();
    const voter = conf.voters.includes(id) || conf.votersOutgoing.includes(id);
    output.write(`${id}: ${state} (${voter ? "Voter" : "Non-Voter"}) Term:${term} Lead:${lead}\n`);
  }
}

function sendSnapshot(environment: InteractionEnvironment, directive: Directive): void {
  const [from, to] = numbersOf(directive).map(toNodeId);
  if (from === undefined || to === undefined) throw new Error("send-snapshot needs two nodes");
  const { raw, storage } = environment.node(from);
  const message: Message = { type: "MsgSnap", from, to, term: raw.basicStatus().term, snapshot: storage.snapshot() };
  environment.messages.push(message);
  environment.output.write(describeMessage(message));
}

function tick(
  environment: InteractionEnvironment,
  directive: Directive,
  ticks: "electionTicks" | "heartbeatTicks",
): void {
  const { raw, config } = environment.node(onlyId(directive));
  for (let i = 0; i < config[ticks]; i++) raw.tick();
}

// One node's output stands as it is; several nodes' under a heading each.
function each({ output }: InteractionEnvironment, directive: Directive, what: string, run: (id: number) => void): void {
  const ids = numbersOf(directive);
  for (const id of ids) {
    if (ids.length === 1) {
      run(id);
    } else {
      output.write(`> ${id} ${what}\n`);
      output.indented(() => run(id));
    }
  }
}

function numbersOf(directive: Directive): readonly number[] {
  return wordsOf(directive)
    .filter((word) => /^\d+$/.test(word))
    .map(Number);
}

function onlyId(directive: Directive): number {
  const [id] = numbersOf(directive);
  if (id === undefined) throw new Error(`${directive.command} needs a node`);
  return id;
}
