/**
 * Committed entries in, one batch of writes out. Everything here is a function of the entries before: no clock, no
 * randomness, no order of arrival, so that replicas which applied the same entries hold the same rows. The only thing that
 * a node adds of its own is doubt: with its keys at hand it checks the MAC of every command that this process has not
 * checked already, over these very bytes, before it stored them; and it stops at a bad one.
 */
import {
  ConfChangeError,
  type ConfChangeV2,
  type ConfState,
  decodeConfChangeV2,
  type Entry,
  type Index,
  NO_NODE,
  type Term,
  toIndex,
} from "@strongroom/raft";
import { equalBytes } from "@strongroom/runtime";
import {
  ABSENT_REVISION,
  applyCommand,
  type Command,
  commandMacInput,
  decodeCommand,
  decodeEntryBody,
  decodeRow,
  EPOCH_KEY,
  isMalformed,
  KEYRING_KEY,
  type ProposerId,
  type Revision,
  SEAL_RECORD_KEY,
  type TableOp,
  type Verdict,
} from "@strongroom/storage";
import type { CommandAuthenticator } from "../authenticator.ts";
import { removedNodeKey } from "../replica/node-record.ts";
import {
  CLUSTER_VERSION_KEY,
  decodeClusterVersion,
  refuseVersion,
  requireSupported,
  SUPPORTED_VERSION,
} from "../version/cluster-version.ts";
import { CHECKPOINT_KEY, decodeCheckpoint, refuseCheckpoint } from "./checkpoint.ts";
import { nextLink } from "./entry-chain.ts";
import { ReplicaFatalError } from "./errors.ts";
import { MILESTONES_KEY, REPLICA_STATE_KEY } from "./keys.ts";
import { refuseMembership } from "./membership-change.ts";
import { decodeMilestones, encodeMilestones, keepMilestones, MILESTONE_EVERY } from "./milestones.ts";
import { ProposerTable } from "./proposer-table.ts";
import { readRegistration } from "./registration.ts";
import { decodeReplicaState, encodeReplicaState, initialReplicaState, type ReplicaState } from "./replica-state.ts";
import { RowStore } from "./row-store.ts";
import type { AppliedMembership, AppliedVerdict, ApplyContext, ApplyResult, Milestone, RowReader } from "./types.ts";

export interface StateMachineOptions {
  readonly authenticator: CommandAuthenticator;
  /** Of a state that holds nothing yet: the configuration that the node starts with. */
  readonly initialConfState?: ConfState;
  /** The newest cluster version that this node may follow; that of the software unless told. */
  readonly supportedVersion?: number;
  /** Entries between milestones, alike on all replicas; 1,024 unless a test wants them sooner. */
  readonly milestoneEvery?: number;
  /** Rows whose revision and hash are kept in memory. */
  readonly cacheRows?: number;
}

const DEFAULT_CACHE_ROWS = 65_536;

/** What a rejected change of membership is replaced by: it names nobody. */
const NO_CHANGE: ConfChangeV2 = {
  transition: "ConfChangeTransitionAuto",
  changes: [{ type: "ConfChangeUpdateNode", nodeId: NO_NODE }],
  context: new Uint8Array(0),
};

/** What one call of `apply` gathers. */
interface Gathered {
  readonly verdicts: AppliedVerdict[];
  readonly membership: AppliedMembership[];
  readonly milestones: Milestone[];
  keyringChanged: boolean;
}

/** A command's place in the log. */
interface Place {
  readonly entry: Entry;
  readonly at: Revision;
  /** In a membership entry: the change, and what puts it in force. */
  readonly membership?: { readonly change: ConfChangeV2; readonly context: ApplyContext };
}

export class StateMachine {
  readonly #authenticator: CommandAuthenticator;
  readonly #rows: RowStore;
  readonly #proposers: ProposerTable;
  #appliedIndex: Index;
  #appliedTerm: Term;
  #logTimeMs: number;
  #chain: Uint8Array;
  #confState: ConfState;
  #epochRevision: Revision;
  #milestones: readonly Milestone[];
  #checkpointIndex: Index;
  readonly #supportedVersion: number;
  readonly #milestoneEvery: number;
  #clusterVersion: number;

  private constructor(reader: RowReader, state: ReplicaState, options: StateMachineOptions) {
    this.#authenticator = options.authenticator;
    this.#rows = new RowStore(reader, { digest: state.digest, cacheRows: options.cacheRows ?? DEFAULT_CACHE_ROWS });
    this.#proposers = ProposerTable.load(reader);
    this.#appliedIndex = state.appliedIndex;
    this.#appliedTerm = state.appliedTerm;
    this.#logTimeMs = state.logTimeMs;
    this.#chain = state.chain;
    this.#confState = state.confState;
    this.#epochRevision = state.epochRevision;
    const milestones = reader.getSync(MILESTONES_KEY);
    this.#milestones = milestones === undefined ? [] : decodeMilestones(milestones);
    const checkpoint = reader.getSync(CHECKPOINT_KEY);
    this.#checkpointIndex = checkpointIndexOf(checkpoint === undefined ? undefined : decodeRow(checkpoint).value);
    this.#milestoneEvery = options.milestoneEvery ?? MILESTONE_EVERY;
    this.#supportedVersion = options.supportedVersion ?? SUPPORTED_VERSION;
    const version = reader.getSync(CLUSTER_VERSION_KEY);
    this.#clusterVersion = decodeClusterVersion(version === undefined ? undefined : decodeRow(version).value);
    requireSupported(this.#clusterVersion, this.#supportedVersion);
  }

  /** On what the table holds. Throws `ReplicaFatalError` if it does not read. */
  static open(reader: RowReader, options: StateMachineOptions): StateMachine {
    const row = reader.getSync(REPLICA_STATE_KEY);
    const state = row === undefined ? initialReplicaState(options.initialConfState) : decodeReplicaState(row);
    return new StateMachine(reader, state, options);
  }

  /** As of the last `apply`, which the table may not have yet; so are all that follow. */
  get appliedIndex(): Index {
    return this.#appliedIndex;
  }

  get appliedTerm(): Term {
    return this.#appliedTerm;
  }

  get confState(): ConfState {
    return this.#confState;
  }

  get logTimeMs(): number {
    return this.#logTimeMs;
  }

  /** The link of the entry chain. */
  get chain(): Uint8Array {
    return this.#chain;
  }

  /** Over all replicated rows. */
  digest(): Uint8Array {
    return this.#rows.digest();
  }

  /** Over the proposer table, which is outside of `digest`. */
  proposersHash(): Uint8Array {
    return this.#proposers.hash();
  }

  /** What this replica holds now. */
  milestone(): Milestone {
    return {
      index: this.#appliedIndex,
      chain: this.#chain,
      digest: this.#rows.digest(),
      proposersHash: this.#proposers.hash(),
    };
  }

  /** The latest ones, oldest first. */
  get milestones(): readonly Milestone[] {
    return this.#milestones;
  }

  /** What all members understand. */
  get clusterVersion(): number {
    return this.#clusterVersion;
  }

  /** Of the newest signed checkpoint; 0 without one. Its milestone is kept, however old it grows. */
  get checkpointIndex(): Index {
    return this.#checkpointIndex;
  }

  /** The newest value of a row, batches under way included. */
  get(key: Uint8Array): Uint8Array | undefined {
    return this.#rows.getSync(key);
  }

  /** The end of a command that the proposer table still holds. */
  verdict(proposer: ProposerId, sequence: number): Verdict | undefined {
    return this.#proposers.verdict(proposer, sequence);
  }

  floor(proposer: ProposerId): number {
    return this.#proposers.floor(proposer);
  }

  isRegistered(proposer: ProposerId): boolean {
    return this.#proposers.has(proposer);
  }

  /** Whether the state takes this command without a MAC: only what the absence of a seal record guards, the first init. */
  unsignedAllowed(command: Command): boolean {
    return command.guards.some((guard) => guard.kind === "absent" && equalBytes(guard.key, SEAL_RECORD_KEY));
  }

  /**
   * Applies entries, which follow the last applied one without a gap, up to the end or to the first that changes the
   * keyring. Throws `ReplicaFatalError`, after which the replica is not used any more.
   */
  apply(entries: readonly Entry[], context: ApplyContext): ApplyResult {
    const gathered: Gathered = { verdicts: [], membership: [], milestones: [], keyringChanged: false };
    let consumed = 0;
    while (consumed < entries.length && !gathered.keyringChanged) {
      this.#applyEntry(entries[consumed] as Entry, context, gathered);
      consumed++;
    }
    const changedKeys = this.#rows.changedKeys();
    if (consumed > 0) this.#writeOwnRows(gathered);
    return {
      consumed,
      writes: this.#rows.takeBatch(),
      verdicts: gathered.verdicts,
      changedKeys,
      membership: gathered.membership,
      keyringChanged: gathered.keyringChanged,
      milestones: gathered.milestones,
      appliedIndex: this.#appliedIndex,
      checkpointIndex: this.#checkpointIndex,
      logTimeMs: this.#logTimeMs,
    };
  }

  /** The table has the oldest batch that `apply` returned and that was not told of yet. */
  written(): void {
    this.#rows.written();
  }

  #applyEntry(entry: Entry, context: ApplyContext, gathered: Gathered): void {
    if (entry.index !== this.#appliedIndex + 1) {
      throw new ReplicaFatalError(`Entry ${entry.index} was to be applied after entry ${this.#appliedIndex}.`);
    }
    switch (entry.type) {
      case "EntryNormal":
        this.#applyCommands(entry, context, gathered);
        break;
      case "EntryConfChangeV2":
        this.#applyMembership(entry, context, gathered);
        break;
      case "EntryConfChange":
        throw new ReplicaFatalError(`Entry ${entry.index} is of a kind that this server never writes.`);
    }
    this.#appliedIndex = entry.index;
    this.#appliedTerm = entry.term;
    this.#chain = nextLink(this.#chain, entry);
    if (entry.index % this.#milestoneEvery === 0) this.#noteMilestone(gathered);
  }

  #noteMilestone(gathered: Gathered): void {
    const milestone = this.milestone();
    this.#milestones = keepMilestones([...this.#milestones, milestone], this.#checkpointIndex);
    gathered.milestones.push(milestone);
  }

  #applyCommands(entry: Entry, context: ApplyContext, gathered: Gathered): void {
    const verified = context.takeVerified?.(entry);
    if (verified !== undefined) {
      this.#logTimeMs = Math.max(this.#logTimeMs, verified.logTimeMs);
      for (const [position, command] of verified.commands.entries()) {
        this.#judgeCommand(command, { entry, at: { index: entry.index, position } }, gathered);
      }
      return;
    }
    const commands = this.#readBody(entry, entry.data, "commands");
    for (const [position, bytes] of commands.entries()) {
      this.#applyCommand(bytes, { entry, at: { index: entry.index, position } }, gathered);
    }
  }

  #applyMembership(entry: Entry, context: ApplyContext, gathered: Gathered): void {
    const change = readConfChange(entry);
    let accepted = false;
    if (change !== undefined && isLeaveJoint(change)) {
      accepted = this.#putInForce(change, context);
    } else if (change !== undefined) {
      const [command] = this.#readBody(entry, change.context, "membership");
      const place = { entry, at: { index: entry.index, position: 0 }, membership: { change, context } };
      accepted = command !== undefined && this.#applyCommand(command, place, gathered);
    }
    gathered.membership.push({
      index: entry.index,
      change: accepted && change !== undefined ? change : NO_CHANGE,
      confState: this.#confState,
      accepted,
    });
  }

  /** The commands of an entry; none if it is malformed, which is alike on all replicas. Moves the log's time on. */
  #readBody(entry: Entry, bytes: Uint8Array, kind: "commands" | "membership"): readonly Uint8Array[] {
    const body = decodeEntryBody(bytes);
    if (body.kind === "malformed" && body.unsupported) throw newerVersion(entry, body.malformed);
    if (body.kind !== kind) return [];
    this.#logTimeMs = Math.max(this.#logTimeMs, body.logTimeMs);
    return body.commands;
  }

  /** Whether the command took effect now, at this place. */
  #applyCommand(bytes: Uint8Array, place: Place, gathered: Gathered): boolean {
    const command = decodeCommand(bytes);
    if (isMalformed(command)) {
      if (command.unsupported) throw newerVersion(place.entry, command.malformed);
      return false;
    }
    if (command.keyId !== 0) this.#checkMac(command, bytes, place.entry);
    return this.#judgeCommand(command, place, gathered);
  }

  /** `command` is authentic as far as this node can tell, or unsigned. Whether it took effect now, at this place. */
  #judgeCommand(command: Command, place: Place, gathered: Gathered): boolean {
    const { verdict, ran } = this.#decide(command, place, gathered);
    const { proposer, sequence } = command;
    if (verdict !== undefined) gathered.verdicts.push({ proposer, sequence, verdict, index: place.entry.index });
    return ran && verdict?.outcome === "applied";
  }

  #decide(
    command: Command,
    place: Place,
    gathered: Gathered,
  ): { readonly verdict: Verdict | undefined; readonly ran: boolean } {
    if (command.keyId === 0) {
      // The guard on the seal record makes it happen once; it needs no proposer, since no worker can have one yet.
      const allowed = place.membership === undefined && this.unsignedAllowed(command);
      return { verdict: allowed ? this.#run(command, place, gathered) : rejected("it bears no MAC"), ran: allowed };
    }
    const alive = place.membership === undefined ? readRegistration(command) : undefined;
    if (alive !== undefined) return { verdict: this.#register(command.proposer, alive, place.at), ran: true };
    const admission = this.#proposers.admit(command);
    switch (admission.kind) {
      case "answered":
        return { verdict: undefined, ran: false };
      case "refused":
        return { verdict: rejected(admission.reason), ran: false };
      case "duplicate":
        return { verdict: admission.verdict, ran: false };
      case "run": {
        const verdict = this.#run(command, place, gathered);
        this.#proposers.record(command.proposer, command.sequence, verdict);
        return { verdict, ran: true };
      }
    }
  }

  /** A sealed node cannot tell and goes on; an open one stops at what it would not have stored. */
  #checkMac(command: Command, bytes: Uint8Array, entry: Entry): void {
    const authenticity = this.#authenticator.verify(command.keyId, commandMacInput(bytes), command.mac);
    if (authenticity === "ok" || authenticity === "sealed") return;
    throw new ReplicaFatalError(
      `Entry ${entry.index} holds a command that no unsealed member of this cluster signed ` +
        `(${authenticity === "bad" ? "its MAC is wrong" : `key ${command.keyId} is unknown`}). Someone wrote into the log of ` +
        "a majority. This node stops before it applies it; compare the members before starting it again.",
    );
  }

  #register(proposer: ProposerId, alive: readonly number[], at: Revision): Verdict {
    if (this.#isRemoved(proposer.node)) return rejected("its node was removed from the cluster");
    if (!this.#proposers.register(proposer, alive)) return rejected("its incarnation was removed");
    return { outcome: "applied", revision: at };
  }

  #run(command: Command, place: Place, gathered: Gathered): Verdict {
    const { membership } = place;
    const refusal =
      refuseVersion(command, this.#clusterVersion) ??
      refuseCheckpoint(command, { milestones: this.#milestones, checkpointIndex: this.#checkpointIndex }) ??
      (membership === undefined
        ? undefined
        : refuseMembership(command, membership.change, (id) => this.#isRemoved(id)));
    if (refusal !== undefined) return rejected(refusal);
    const { verdict, ops } = applyCommand(this.#rows, command, place.at, { raftTerm: place.entry.term });
    if (verdict.outcome !== "applied") return verdict;
    if (membership !== undefined && !this.#putInForce(membership.change, membership.context)) {
      return rejected("the change does not fit the configuration");
    }
    for (const op of ops) this.#change(op, place.at, gathered);
    for (const { type, nodeId } of membership?.change.changes ?? []) {
      if (type === "ConfChangeRemoveNode") this.#proposers.removeNode(nodeId);
    }
    return verdict;
  }

  #change(op: TableOp, at: Revision, gathered: Gathered): void {
    this.#rows.change(op, at);
    if (equalBytes(op.key, EPOCH_KEY)) this.#epochRevision = op.type === "put" ? at : ABSENT_REVISION;
    else if (equalBytes(op.key, KEYRING_KEY)) gathered.keyringChanged = true;
    else if (op.type === "delete") return;
    else if (equalBytes(op.key, CHECKPOINT_KEY)) this.#checkpointIndex = checkpointIndexOf(decodeRow(op.value).value);
    else if (equalBytes(op.key, CLUSTER_VERSION_KEY)) {
      this.#clusterVersion = decodeClusterVersion(decodeRow(op.value).value);
      requireSupported(this.#clusterVersion, this.#supportedVersion);
    }
  }

  /** False if the configuration does not allow the change; every replica finds the same. */
  #putInForce(change: ConfChangeV2, context: ApplyContext): boolean {
    try {
      this.#confState = context.applyConfChange(change);
      return true;
    } catch (error) {
      if (error instanceof ConfChangeError) return false;
      throw error;
    }
  }

  #isRemoved(nodeId: number): boolean {
    return this.#rows.get(removedNodeKey(nodeId)) !== undefined;
  }

  #writeOwnRows(gathered: Gathered): void {
    if (gathered.milestones.length > 0) {
      this.#rows.changePrivate({ type: "put", key: MILESTONES_KEY, value: encodeMilestones(this.#milestones) });
    }
    for (const op of this.#proposers.takeWrites()) this.#rows.changePrivate(op);
    const value = encodeReplicaState({
      appliedIndex: this.#appliedIndex,
      appliedTerm: this.#appliedTerm,
      logTimeMs: this.#logTimeMs,
      chain: this.#chain,
      digest: this.#rows.digest(),
      epochRevision: this.#epochRevision,
      confState: this.#confState,
    });
    this.#rows.changePrivate({ type: "put", key: REPLICA_STATE_KEY, value });
  }
}

function checkpointIndexOf(value: Uint8Array | undefined): Index {
  const checkpoint = value === undefined ? undefined : decodeCheckpoint(value);
  return checkpoint?.index ?? toIndex(0);
}

function rejected(reason: string): Verdict {
  return { outcome: "rejected", reason };
}

function newerVersion(entry: Entry, what: string): ReplicaFatalError {
  return new ReplicaFatalError(
    `Entry ${entry.index} cannot be applied by this server: ${what}. Start a server that knows it.`,
  );
}

function readConfChange(entry: Entry): ConfChangeV2 | undefined {
  try {
    return decodeConfChangeV2(entry.data);
  } catch (error) {
    if (error instanceof ConfChangeError) return undefined;
    throw error;
  }
}

/** The core's own proposal, which says nothing that a command would have to vouch for. */
function isLeaveJoint(change: ConfChangeV2): boolean {
  return change.transition === "ConfChangeTransitionAuto" && change.changes.length === 0 && change.context.length === 0;
}
