/** Messages, entries and `Ready` as text, as etcd's raft writes them: for transcripts, logs and failing tests. */

import { decodeConfChange, decodeConfChangeV2 } from "./confchange/codec.ts";
import { describeChanges } from "./describe-conf-change.ts";
import {
  type Entry,
  type HardState,
  LOCAL_APPEND_THREAD,
  LOCAL_APPLY_THREAD,
  type NodeId,
  type Snapshot,
} from "./entry.ts";
import type { Message } from "./message.ts";
import type { Ready, SoftState } from "./ready.ts";

/** How the data of a normal entry is shown. The default is a quoted string; a caller whose entries are secret shows a length. */
export type DataFormatter = (data: Uint8Array) => string;

/** Printable ASCII in quotes, all else escaped byte by byte. */
export function quoteData(data: Uint8Array): string {
  let text = "";
  for (const byte of data) {
    if (byte === 0x22 || byte === 0x5c) text += `\\${String.fromCharCode(byte)}`;
    else if (byte >= 0x20 && byte < 0x7f) text += String.fromCharCode(byte);
    else text += `\\x${byte.toString(16).padStart(2, "0")}`;
  }
  return `"${text}"`;
}

/** For example `1/12 EntryNormal "foo"` or `1/4 EntryConfChangeV2 v2 l3`: term, index, type, content. */
export function describeEntry(entry: Entry, format: DataFormatter = quoteData): string {
  const content = describeContent(entry, format);
  return `${entry.term}/${entry.index} ${entry.type}${content === "" ? "" : ` ${content}`}`;
}

function describeContent({ type, data }: Entry, format: DataFormatter): string {
  switch (type) {
    case "EntryNormal":
      return format(data);
    case "EntryConfChange":
      return describeChanges([decodeConfChange(data)]);
    case "EntryConfChangeV2":
      return describeChanges(decodeConfChangeV2(data).changes);
  }
}

/** One line for each entry, each with its newline. */
export function describeEntries(entries: readonly Entry[], format: DataFormatter = quoteData): string {
  return entries.map((entry) => `${describeEntry(entry, format)}\n`).join("");
}

/** Who, to whom, what; entries, snapshot and nested responses follow, on lines of their own where there are several. */
export function describeMessage(message: Message, format: DataFormatter = quoteData, indent = ""): string {
  const { type, from, to, term } = message;
  const logTerm = "logTerm" in message ? message.logTerm : 0;
  const index = "index" in message ? message.index : 0;
  let text = `${indent}${describeTarget(from)}->${describeTarget(to)} ${type} Term:${term} Log:${logTerm}/${index}`;
  if ("reject" in message && message.reject) {
    text += ` Rejected (Hint: ${"rejectHint" in message ? message.rejectHint : 0})`;
  }
  const commit = "commit" in message ? message.commit : hardStateOf(message)?.commit;
  if (commit) text += ` Commit:${commit}`;
  const vote = hardStateOf(message)?.vote;
  if (vote) text += ` Vote:${vote}`;
  if ("readPosition" in message && message.readPosition > 0) text += ` Read:${message.readPosition}`;
  if ("committed" in message && message.committed !== undefined) {
    text += ` Committed:${message.committed.term}/${message.committed.index}`;
  }
  if ("context" in message) text += ` Context:${message.context}`;
  if ("entries" in message) text += describeEntriesField(message.entries, format, indent);
  if ("snapshot" in message && message.snapshot !== undefined) {
    text += `\n${indent}  Snapshot: ${describeSnapshot(message.snapshot)}`;
  }
  if ("responses" in message && message.responses.length > 0) {
    const nested = message.responses.map((one) => `\n${describeMessage(one, format, `${indent}  `)}`);
    text += ` Responses:[${nested.join("")}\n${indent}]`;
  }
  return text;
}

function hardStateOf(message: Message): HardState | undefined {
  return message.type === "MsgStorageAppend" ? message.hardState : undefined;
}

function describeEntriesField(entries: readonly Entry[], format: DataFormatter, indent: string): string {
  const [first] = entries;
  if (first === undefined) return "";
  if (entries.length === 1) return ` Entries:[${describeEntry(first, format)}]`;
  return ` Entries:[${entries.map((entry) => `\n${indent}  ${describeEntry(entry, format)}`).join("")}\n${indent}]`;
}

function describeTarget(id: NodeId): string {
  if (id === LOCAL_APPEND_THREAD) return "AppendThread";
  if (id === LOCAL_APPLY_THREAD) return "ApplyThread";
  return id.toString(16);
}

/** Index, term and configuration of a snapshot. */
export function describeSnapshot({ metadata }: Snapshot): string {
  const { index, term, confState } = metadata;
  const { voters, votersOutgoing, learners, learnersNext, autoLeave } = confState;
  const list = (ids: readonly NodeId[]): string => `[${ids.join(" ")}]`;
  return `Index:${index} Term:${term} ConfState:Voters:${list(voters)} VotersOutgoing:${list(votersOutgoing)} Learners:${list(learners)} LearnersNext:${list(learnersNext)} AutoLeave:${autoLeave}`;
}

/** For example `Lead:1 State:StateLeader`. */
export function describeSoftState({ lead, state }: SoftState): string {
  return `Lead:${lead} State:${state}`;
}

/** For example `Term:1 Vote:1 Commit:10`; no vote where none was cast. */
export function describeHardState({ term, vote, commit }: HardState): string {
  return `Term:${term}${vote === 0 ? "" : ` Vote:${vote}`} Commit:${commit}`;
}

/** All parts of a `Ready` that are there, a line or more for each; `<empty Ready>` for one without any. */
export function describeReady(ready: Ready, format: DataFormatter = quoteData): string {
  let text = "";
  if (ready.softState !== undefined) text += `${describeSoftState(ready.softState)}\n`;
  if (ready.hardState !== undefined) text += `HardState ${describeHardState(ready.hardState)}\n`;
  if (ready.readStates.length > 0) {
    text += `ReadStates ${ready.readStates.map(({ index, context }) => `${context}@${index}`).join(" ")}\n`;
  }
  if (ready.entries.length > 0) text += `Entries:\n${describeEntries(ready.entries, format)}`;
  if (ready.snapshot !== undefined) text += `Snapshot ${describeSnapshot(ready.snapshot)}\n`;
  if (ready.committedEntries.length > 0)
    text += `CommittedEntries:\n${describeEntries(ready.committedEntries, format)}`;
  if (ready.messages.length > 0) {
    text += `Messages:\n${ready.messages.map((message) => `${describeMessage(message, format)}\n`).join("")}`;
  }
  return text === "" ? "<empty Ready>" : `Ready MustSync=${ready.mustSync}:\n${text}`;
}
