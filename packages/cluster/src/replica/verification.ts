/**
 * What a node believes before it stores it. An unsealed node checks every command of an append, and a leader every
 * command that another node proposes, so that nobody without the keyring can put anything into the log: not a compromised
 * node that leads, nor one that proposes. A sealed node cannot check and stores; it is checked when it is opened.
 */
import {
  decodeConfChangeV2,
  type Entry,
  isLocalMessage,
  type Message,
  type MsgApp,
  type NodeId,
} from "@strongroom/raft";
import {
  type Command,
  commandMacInput,
  decodeCommand,
  decodeEntryBody,
  isMalformed,
  MAC_BYTES,
} from "@strongroom/storage";
import type { Authenticity, CommandAuthenticator } from "../authenticator.ts";
import type { VerifiedEntries } from "./verified-entries.ts";

export interface VerificationRules {
  readonly authenticator: CommandAuthenticator;
  /** Whether the state takes this command without a MAC: the first init, and registrations. */
  readonly unsignedAllowed: (command: Command) => boolean;
}

export interface JudgedCommand {
  readonly authenticity: Authenticity;
  /** Undefined when the bytes are none. Its keys and values are views into them. */
  readonly command?: Command;
}

/**
 * Malformed bytes are judged `bad` here, though the state machine would only reject them: no honest node makes them.
 */
export function judgeCommand(bytes: Uint8Array, rules: VerificationRules): JudgedCommand {
  const command = decodeCommand(bytes);
  if (isMalformed(command)) return { authenticity: "bad" };
  if (command.keyId !== 0) {
    const authenticity = rules.authenticator.verify(command.keyId, commandMacInput(bytes), command.mac);
    return { authenticity, command };
  }
  return { authenticity: rules.unsignedAllowed(command) ? "ok" : "bad", command };
}

/** Whether an encoded command bears no MAC: its key id, in front of the MAC at its end, is 0. */
export function isUnsigned(bytes: Uint8Array): boolean {
  const at = bytes.length - MAC_BYTES - 4;
  return at < 0 || new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(at) === 0;
}

/**
 * Whether a raft message may have come from the peer that sent it. Proposals come as commands to be checked, snapshots as
 * streams, and what is local to a node from nobody else. A transfer that a follower passes on names the one who is to lead.
 */
export function isFromPeer(from: NodeId, message: Message): boolean {
  const { type } = message;
  if (isLocalMessage(type) || type === "MsgProp" || type === "MsgSnap" || type === "MsgForgetLeader") return false;
  return message.from === from || type === "MsgTransferLeader";
}

/** As much of an append as an open node may store; or the index of the entry for which its sender is not believed at all. */
export function believedAppend(
  message: MsgApp,
  rules: VerificationRules,
  verified: VerifiedEntries,
): MsgApp | { readonly type: "forged"; readonly index: number } {
  const { entries } = message;
  const judgement = judgeAppend(entries, rules, verified);
  if (judgement.verdict === "bad") return { type: "forged", index: judgement.index };
  if (judgement.accepted === entries.length) return message;
  return { ...message, entries: entries.slice(0, judgement.accepted) };
}

export type AppendJudgement =
  /** The first `accepted` entries may be stored. Fewer than given: a key is not known yet, they will be sent again. */
  { readonly verdict: "ok"; readonly accepted: number } | { readonly verdict: "bad"; readonly index: number };

/** Judges the entries of one append, in order; those that are authentic are noted in `verified`. */
export function judgeAppend(
  entries: readonly Entry[],
  rules: VerificationRules,
  verified?: VerifiedEntries,
): AppendJudgement {
  for (const [i, entry] of entries.entries()) {
    const authenticity = judgeEntry(entry, rules, verified);
    if (authenticity === "bad") return { verdict: "bad", index: entry.index };
    if (authenticity === "unknown-key") return { verdict: "ok", accepted: i };
    if (authenticity === "sealed") break;
  }
  return { verdict: "ok", accepted: entries.length };
}

function judgeEntry(entry: Entry, rules: VerificationRules, verified: VerifiedEntries | undefined): Authenticity {
  const bytes = entry.type === "EntryNormal" ? entry.data : membershipBody(entry);
  if (bytes === undefined) return "bad";
  const body = decodeEntryBody(bytes);
  if (body.kind === "empty") return "ok";
  if (body.kind === "malformed") return "bad";
  let worst: Authenticity = "ok";
  const commands: Command[] = [];
  for (const bytes of body.commands) {
    const { authenticity, command } = judgeCommand(bytes, rules);
    if (command === undefined || authenticity === "bad") return "bad";
    if (authenticity === "sealed") return authenticity;
    if (authenticity === "unknown-key") worst = "unknown-key";
    commands.push(command);
  }
  if (worst === "ok" && body.kind === "commands" && entry.type === "EntryNormal") {
    verified?.note(entry, { logTimeMs: body.logTimeMs, commands });
  }
  return worst;
}

/** The body in a conf change's context; empty for the core's own leave-joint, which changes nothing else. */
function membershipBody(entry: Entry): Uint8Array | undefined {
  if (entry.type !== "EntryConfChangeV2") return undefined;
  try {
    const change = decodeConfChangeV2(entry.data);
    return change.context.length === 0 && change.changes.length > 0 ? undefined : change.context;
  } catch {
    return undefined;
  }
}
