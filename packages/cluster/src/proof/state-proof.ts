/**
 * Whether the state of a sealed node is one that open nodes have made. Sealed it stored and applied what came; with the keys at
 * hand it is looked into, at one index where it stands still. Three things together prove it: where it began (the cluster's
 * own beginning, or a snapshot whose trailer an open node signed); the newest signed checkpoint above that, whose values the
 * node has to have come to by itself; and the signatures of all commands above that, which the log keeps for this. The chain
 * ties them: the entries that are read again are the ones that were applied.
 */
import { decodeConfChangeV2, type Entry } from "@strongroom/raft";
import { equalBytes, present } from "@strongroom/runtime";
import {
  commandMacInput,
  decodeCommand,
  decodeEntryBody,
  decodeRow,
  isMalformed,
  SEAL_RECORD_KEY,
} from "@strongroom/storage";
import type { Authenticity } from "../authenticator.ts";
import { snapshotMacInput } from "../snapshot/payload.ts";
import { CHECKPOINT_KEY, checkpointMacInput, decodeCheckpoint, sameMilestone } from "../state/checkpoint.ts";
import { CHAIN_START, nextLink } from "../state/entry-chain.ts";
import { MILESTONES_KEY, REPLICA_STATE_KEY } from "../state/keys.ts";
import { decodeMilestones } from "../state/milestones.ts";
import { decodeOrigin, ORIGIN_KEY, type Origin } from "../state/origin.ts";
import { decodeReplicaState, type ReplicaState } from "../state/replica-state.ts";
import type { RowReader } from "../state/types.ts";
import { type LogFiles, readCommitted } from "../wal/log-reader.ts";

/** Says who signed what, by the keys that the node is about to be opened with. */
export interface ProofAuthenticator {
  verify(
    keyId: number,
    message: Uint8Array,
    mac: Uint8Array,
    purpose: "command" | "checkpoint" | "snapshot",
  ): Authenticity;
}

export type StateVerdict =
  | { readonly outcome: "proven"; readonly index: number }
  /** Nothing is wrong as far as can be seen, and something cannot be seen: an open member has to vouch for the state. */
  | { readonly outcome: "unproven"; readonly reason: string }
  /** Something contradicts a signature: the node holds what no open node made. */
  | { readonly outcome: "wrong"; readonly reason: string };

export interface StateEvidence {
  /** The table, which does not change meanwhile. */
  readonly rows: RowReader;
  readonly log: LogFiles;
  readonly authenticator: ProofAuthenticator;
}

/** A place from which on entries are looked at one by one. */
interface Footing {
  readonly index: number;
  readonly chain: Uint8Array;
}

/** Ends the examination; never leaves this file. */
class Verdict extends Error {
  readonly verdict: StateVerdict;

  constructor(outcome: "unproven" | "wrong", reason: string) {
    super(reason);
    this.verdict = { outcome, reason };
  }
}

/** Throws what reading the disk throws. */
export function proveState(evidence: StateEvidence): StateVerdict {
  try {
    const state = decodeReplicaState(present(evidence.rows.getSync(REPLICA_STATE_KEY), "a state says where it stands"));
    const origin = provenOrigin(evidence);
    const footing = checkpointAbove(origin, evidence) ?? origin;
    proveEntries(footing, state, evidence);
    return { outcome: "proven", index: state.appliedIndex };
  } catch (error) {
    if (error instanceof Verdict) return error.verdict;
    throw error;
  }
}

function provenOrigin({ rows, authenticator }: StateEvidence): Origin {
  const row = rows.getSync(ORIGIN_KEY);
  if (row === undefined) throw new Verdict("unproven", "nothing says where its state came from");
  const origin = decodeOrigin(row);
  if (origin.trailer === undefined) return { ...origin, chain: CHAIN_START };
  const { keyId, mac } = origin.trailer;
  if (keyId === 0) throw new Verdict("unproven", "its state came from a sealed member, which signs nothing");
  judge(
    authenticator.verify(keyId, snapshotMacInput(origin.trailer), mac, "snapshot"),
    "the snapshot that it began with",
  );
  return origin;
}

function checkpointAbove(origin: Origin, { rows, authenticator }: StateEvidence): Footing | undefined {
  const row = rows.getSync(CHECKPOINT_KEY);
  const checkpoint = row === undefined ? undefined : decodeCheckpoint(decodeRow(row).value);
  if (checkpoint === undefined || checkpoint.index <= origin.index) return undefined;
  const { keyId, mac, index } = checkpoint;
  judge(authenticator.verify(keyId, checkpointMacInput(checkpoint), mac, "checkpoint"), `the checkpoint at ${index}`);
  const milestones = rows.getSync(MILESTONES_KEY);
  const own = milestones === undefined ? undefined : decodeMilestones(milestones).find((one) => one.index === index);
  if (own === undefined) throw new Verdict("unproven", `it has not kept what it held at index ${index}`);
  if (!sameMilestone(own, checkpoint)) {
    throw new Verdict("wrong", `what it held at index ${index} is not what an open member signed for that index`);
  }
  return own;
}

function proveEntries(footing: Footing, state: ReplicaState, { log, authenticator }: StateEvidence): void {
  let { index, chain } = footing;
  for (const entry of readCommitted(log, { from: index + 1, to: state.appliedIndex })) {
    if (entry.index !== index + 1) break;
    proveEntry(entry, authenticator);
    chain = nextLink(chain, entry);
    index = entry.index;
  }
  if (index < state.appliedIndex) {
    throw new Verdict("unproven", `its log no longer has the entries from ${index + 1} on, which no checkpoint covers`);
  }
  if (!equalBytes(chain, state.chain)) {
    throw new Verdict("wrong", `the entries in its log up to ${index} are not those that it applied`);
  }
}

/** What is malformed was passed over, so it needs no signature. */
function proveEntry(entry: Entry, authenticator: ProofAuthenticator): void {
  const body = decodeEntryBody(entry.type === "EntryNormal" ? entry.data : contextOf(entry));
  if (body.kind === "empty" || body.kind === "malformed") return;
  for (const bytes of body.commands) {
    const command = decodeCommand(bytes);
    if (isMalformed(command)) continue;
    // Without a MAC the state takes the first init and nothing else: anything but that was refused when it was applied.
    if (command.keyId === 0) {
      const init = command.guards.some(({ kind, ...guard }) => kind === "absent" && isSealRecord(guard));
      if (init || command.mutations.length === 0) continue;
      throw new Verdict("wrong", `entry ${entry.index} of its log holds a command without a signature`);
    }
    const authenticity = authenticator.verify(command.keyId, commandMacInput(bytes), command.mac, "command");
    if (authenticity === "ok") continue;
    throw new Verdict("wrong", `entry ${entry.index} of its log holds a command that no open member signed`);
  }
}

function isSealRecord(guard: object): boolean {
  return "key" in guard && guard.key instanceof Uint8Array && equalBytes(guard.key, SEAL_RECORD_KEY);
}

function contextOf(entry: Entry): Uint8Array {
  try {
    return decodeConfChangeV2(entry.data).context;
  } catch {
    return new Uint8Array(0);
  }
}

/** A key that is not known yet may come with an entry that is not applied yet. */
function judge(authenticity: Authenticity, what: string): void {
  if (authenticity === "ok") return;
  if (authenticity === "bad") throw new Verdict("wrong", `the signature of ${what} is false`);
  throw new Verdict("unproven", `the key that signed ${what} is not known here yet`);
}
