/**
 * Messages between replicas as bytes. A message is a code byte and the fields of its type, so it delimits itself; all
 * numbers are big-endian, indices and terms 48 bits, counts and lengths 32. Sender and receiver are those that the
 * connection proved, and are not repeated.
 *
 * Not every message of the core has a code. Those that are local to a node have none, nor has `MsgProp`: entries are
 * proposed through the drivers, which authenticate them. So a peer cannot even spell what it must not say.
 */
import type {
  ConfState,
  Entry,
  EntryId,
  EntryType,
  Index,
  Message,
  MsgApp,
  MsgSnap,
  NodeId,
  Snapshot,
  Term,
} from "@strongroom/raft";
import { isLocalTarget } from "@strongroom/raft";
import {
  assert,
  type ByteReader,
  type ByteWriter,
  fromUtf8,
  ShortInputError,
  StrongroomError,
  utf8,
} from "@strongroom/runtime";
import type { DropReason, NodeStatusMessage, PeerMessage, ProposalId } from "./message.ts";

/** Bytes from a peer that are no message. The connection that they came on cannot be trusted any further. */
export class PeerCodecError extends StrongroomError {
  readonly code = "bad_peer_message";
}

/** One direction of one connection: who speaks to whom. */
export interface Route {
  readonly from: NodeId;
  readonly to: NodeId;
}

const CODE = {
  MsgApp: 1,
  MsgAppResp: 2,
  MsgVote: 3,
  MsgVoteResp: 4,
  MsgPreVote: 5,
  MsgPreVoteResp: 6,
  MsgSnap: 7,
  MsgHeartbeat: 8,
  MsgHeartbeatResp: 9,
  MsgTransferLeader: 10,
  MsgTimeoutNow: 11,
  MsgReadIndex: 12,
  MsgReadIndexResp: 13,
  propose: 32,
  "propose-membership": 33,
  "proposal-dropped": 34,
  "node-status": 35,
} as const;

type WireType = keyof typeof CODE;

const TYPE_OF_CODE: ReadonlyMap<number, WireType> = new Map(
  Object.entries(CODE).map(([type, code]) => [code, type as WireType]),
);

const ENTRY_TYPES: readonly EntryType[] = ["EntryNormal", "EntryConfChange", "EntryConfChangeV2"];

const DROP_CODE: Readonly<Record<DropReason, number>> = {
  "not-leader": 1,
  transferring: 2,
  busy: 3,
  "clock-skew": 4,
  "conf-change-refused": 5,
  unauthentic: 6,
  "disk-full": 7,
};
const REASON_OF_CODE: ReadonlyMap<number, DropReason> = new Map(
  Object.entries(DROP_CODE).map(([reason, code]) => [code, reason as DropReason]),
);

/** Flags of a node's status. */
const SEALED = 1;
const DISK_LOW = 2;

/** Code and every field of the largest message without a variable part. */
const FIXED_BYTES = 64;
const ENTRY_HEADER_BYTES = 11;

/** At least as many bytes as `encodeMessage` writes for it. */
export function messageBytesBound(message: PeerMessage): number {
  return FIXED_BYTES + variableBytesBound(message);
}

function variableBytesBound(message: PeerMessage): number {
  if (message.type === "MsgApp")
    return message.entries.reduce((sum, entry) => sum + ENTRY_HEADER_BYTES + entry.data.length, 0);
  if (message.type === "MsgSnap")
    return message.snapshot.data.length + 8 * confStateSize(message.snapshot.metadata.confState);
  if (message.type === "propose") return message.commands.reduce((sum, command) => sum + 4 + command.length, 0);
  if (message.type === "propose-membership") return message.change.length;
  if (message.type === "proposal-dropped") return 16 * message.proposals.length;
  if (message.type === "node-status") return 3 * message.clusterAddress.length + message.digest.length;
  return 0;
}

/**
 * Appends `message` to `writer`. A message that has no code, or whose `from` and `to` are not the route's, is a bug.
 * (`MsgTransferLeader` may be passed on: there `from` is the transferee and travels along.)
 */
export function encodeMessage(writer: ByteWriter, message: PeerMessage, route: Route): void {
  const code = CODE[message.type as WireType] as number | undefined;
  assert(code !== undefined, `${message.type} never crosses the network`);
  writer.u8(code);
  if (isDriverMessage(message)) {
    encodeDriverMessage(writer, message);
    return;
  }
  assert(message.to === route.to, `${message.type} was handed to the connection of another node`);
  assert(message.from === route.from || message.type === "MsgTransferLeader", `${message.type} is not from this node`);
  writer.u48(message.term);
  encodeRaftFields(writer, message as WireRaftMessage);
}

/**
 * The next message of `reader`; `route` names who sent it. The bytes in it are views into the reader's. Throws
 * `PeerCodecError` for anything that `encodeMessage` would not have written.
 */
export function decodeMessage(reader: ByteReader, route: Route): PeerMessage {
  try {
    const code = reader.u8();
    const type = TYPE_OF_CODE.get(code);
    if (type === undefined) throw new PeerCodecError(`a message of the unknown type ${code}`);
    return decodeFields(reader, type, route);
  } catch (cause) {
    if (cause instanceof ShortInputError) throw new PeerCodecError("a message is cut short", { cause });
    throw cause;
  }
}

type DriverMessage = Exclude<PeerMessage, Message>;
type WireRaftMessage = Extract<Message, { readonly type: WireType }>;

function isDriverMessage(message: PeerMessage): message is DriverMessage {
  return !("term" in message);
}

function encodeDriverMessage(writer: ByteWriter, message: DriverMessage): void {
  switch (message.type) {
    case "propose":
      writer.u48(message.batch).u32(message.commands.length);
      for (const command of message.commands) writer.bytes(command);
      return;
    case "propose-membership":
      writer.u48(message.batch).bytes(message.change);
      return;
    case "proposal-dropped":
      writer.u48(message.batch).u8(DROP_CODE[message.reason]).u32(message.proposals.length);
      for (const { incarnation, sequence } of message.proposals) writer.u64(incarnation).u64(sequence);
      return;
    case "node-status":
      writer
        .bytes(utf8(message.clusterAddress))
        .u8((message.sealed ? SEALED : 0) | (message.diskLow ? DISK_LOW : 0))
        .u48(message.appliedIndex)
        .u32(message.supportedVersion);
      writer.u48(message.digestIndex).bytes(message.digest);
      return;
  }
}

function encodeRaftFields(writer: ByteWriter, message: WireRaftMessage): void {
  switch (message.type) {
    case "MsgApp":
      encodeAppend(writer, message);
      return;
    case "MsgAppResp":
      writer
        .u48(message.logTerm)
        .u48(message.index)
        .u8(message.reject ? 1 : 0)
        .u48(message.rejectHint);
      return;
    case "MsgVote":
    case "MsgPreVote":
      writer
        .u48(message.logTerm)
        .u48(message.index)
        .u8(message.force ? 1 : 0);
      return;
    case "MsgVoteResp":
    case "MsgPreVoteResp":
      writer.u8(message.reject ? 1 : 0);
      writer.u48(message.committed?.term ?? 0).u48(message.committed?.index ?? 0);
      return;
    case "MsgSnap":
      encodeSnapshot(writer, message.snapshot);
      return;
    case "MsgHeartbeat":
      writer.u48(message.commit).u64(message.readPosition);
      return;
    case "MsgHeartbeatResp":
      writer.u64(message.readPosition);
      return;
    case "MsgTransferLeader":
      writer.u64(message.from);
      return;
    case "MsgReadIndex":
      writer.u64(message.context);
      return;
    case "MsgReadIndexResp":
      writer.u48(message.index).u64(message.context);
      return;
    case "MsgTimeoutNow":
      return;
  }
}

/** Entries follow their predecessor without a gap, so none says where it stands. */
function encodeAppend(writer: ByteWriter, message: MsgApp): void {
  writer.u48(message.logTerm).u48(message.index).u48(message.commit).u32(message.entries.length);
  let expected: number = message.index;
  for (const entry of message.entries) {
    expected++;
    assert(entry.index === expected, "the entries of an append follow one another");
    writer.u48(entry.term).u8(ENTRY_TYPES.indexOf(entry.type)).bytes(entry.data);
  }
}

function encodeSnapshot(writer: ByteWriter, { metadata, data }: Snapshot): void {
  const { confState } = metadata;
  writer
    .u48(metadata.index)
    .u48(metadata.term)
    .u8(confState.autoLeave ? 1 : 0);
  for (const ids of [confState.voters, confState.votersOutgoing, confState.learners, confState.learnersNext]) {
    writer.u16(ids.length);
    for (const id of ids) writer.u64(id);
  }
  writer.bytes(data);
}

function decodeFields(reader: ByteReader, type: WireType, route: Route): PeerMessage {
  switch (type) {
    case "propose":
      return { type, batch: reader.u48(), commands: list(reader.u32(), 4, reader, () => reader.bytes()) };
    case "propose-membership":
      return { type, batch: reader.u48(), change: reader.bytes() };
    case "proposal-dropped":
      return { type, batch: reader.u48(), reason: reason(reader), proposals: proposals(reader) };
    case "node-status":
      return nodeStatus(reader);
    case "MsgApp":
    case "MsgAppResp":
    case "MsgVote":
    case "MsgVoteResp":
    case "MsgPreVote":
    case "MsgPreVoteResp":
    case "MsgSnap":
    case "MsgHeartbeat":
    case "MsgHeartbeatResp":
    case "MsgTransferLeader":
    case "MsgTimeoutNow":
    case "MsgReadIndex":
    case "MsgReadIndexResp":
      return decodeRaftMessage(reader, type, route);
  }
}

/** Index 0 stands for none. */
function committedEntry(reader: ByteReader): { readonly committed?: EntryId } {
  const term = reader.u48() as Term;
  const index = reader.u48() as Index;
  return index === 0 ? {} : { committed: { term, index } };
}

function decodeRaftMessage(reader: ByteReader, type: WireRaftMessage["type"], { from, to }: Route): Message {
  const term = reader.u48() as Term;
  switch (type) {
    case "MsgApp":
      return decodeAppend(reader, { from, to, term });
    case "MsgAppResp":
      return {
        type,
        from,
        to,
        term,
        logTerm: reader.u48() as Term,
        index: reader.u48() as Index,
        reject: flag(reader),
        rejectHint: reader.u48() as Index,
      };
    case "MsgVote":
    case "MsgPreVote": {
      const logTerm = reader.u48() as Term;
      return { type, from, to, term, logTerm, index: reader.u48() as Index, force: flag(reader) };
    }
    case "MsgVoteResp":
    case "MsgPreVoteResp":
      return { type, from, to, term, reject: flag(reader), ...committedEntry(reader) };
    case "MsgSnap":
      return decodeSnapshot(reader, { from, to, term });
    case "MsgHeartbeat":
      return { type, from, to, term, commit: reader.u48() as Index, readPosition: reader.u64() };
    case "MsgHeartbeatResp":
      return { type, from, to, term, readPosition: reader.u64() };
    case "MsgTransferLeader":
      return { type, from: transferee(reader), to, term };
    case "MsgTimeoutNow":
      return { type, from, to, term };
    case "MsgReadIndex":
      return { type, from, to, term, context: reader.u64() };
    case "MsgReadIndexResp":
      return { type, from, to, term, index: reader.u48() as Index, context: reader.u64() };
  }
}

interface Envelope extends Route {
  readonly term: Term;
}

function decodeAppend(reader: ByteReader, envelope: Envelope): MsgApp {
  const logTerm = reader.u48() as Term;
  const index = reader.u48();
  const commit = reader.u48() as Index;
  let at = index;
  const entries = list(reader.u32(), ENTRY_HEADER_BYTES, reader, (): Entry => {
    at++;
    const term = reader.u48() as Term;
    const type = ENTRY_TYPES[reader.u8()];
    if (type === undefined) throw new PeerCodecError("an entry of an unknown type");
    return { term, index: at as Index, type, data: reader.bytes() };
  });
  return { type: "MsgApp", ...envelope, logTerm, index: index as Index, commit, entries };
}

function decodeSnapshot(reader: ByteReader, envelope: Envelope): MsgSnap {
  const index = reader.u48() as Index;
  const term = reader.u48() as Term;
  const autoLeave = flag(reader);
  const ids = () => list(reader.u16(), 8, reader, () => reader.u64() as NodeId);
  const confState = { autoLeave, voters: ids(), votersOutgoing: ids(), learners: ids(), learnersNext: ids() };
  const snapshot = { metadata: { index, term, confState }, data: reader.bytes() };
  return { type: "MsgSnap", ...envelope, snapshot };
}

function nodeStatus(reader: ByteReader): NodeStatusMessage {
  const clusterAddress = addressText(reader);
  const flags = reader.u8();
  if (flags > (SEALED | DISK_LOW)) throw new PeerCodecError("a node's status has unknown flags");
  const appliedIndex = reader.u48();
  const supportedVersion = reader.u32();
  const digestIndex = reader.u48();
  const digest = reader.bytes();
  if (digest.length !== 0 && digest.length !== 32) throw new PeerCodecError("a digest of a wrong length");
  const [sealed, diskLow] = [(flags & SEALED) !== 0, (flags & DISK_LOW) !== 0];
  return { type: "node-status", clusterAddress, sealed, diskLow, appliedIndex, supportedVersion, digestIndex, digest };
}

function addressText(reader: ByteReader): string {
  const bytes = reader.bytes();
  try {
    return fromUtf8(bytes);
  } catch (cause) {
    throw new PeerCodecError("an address is not UTF-8", { cause });
  }
}

function proposals(reader: ByteReader): ProposalId[] {
  return list(reader.u32(), 16, reader, () => ({ incarnation: reader.u64(), sequence: reader.u64() }));
}

function reason(reader: ByteReader): DropReason {
  const code = reader.u8();
  const found = REASON_OF_CODE.get(code);
  if (found === undefined) throw new PeerCodecError(`a proposal dropped for the unknown reason ${code}`);
  return found;
}

/** A real node: neither nobody nor one of the core's pseudo ids. */
function transferee(reader: ByteReader): NodeId {
  const id = reader.u64() as NodeId;
  if (id === 0 || isLocalTarget(id)) throw new PeerCodecError("a transfer of leadership to no node");
  return id;
}

function flag(reader: ByteReader): boolean {
  const value = reader.u8();
  if (value > 1) throw new PeerCodecError("a flag is neither 0 nor 1");
  return value === 1;
}

/** A count is believed only when the bytes for so many items of at least `itemBytes` are there: it may be hostile. */
function list<T>(count: number, itemBytes: number, reader: ByteReader, item: () => T): T[] {
  if (count * itemBytes > reader.remaining) throw new PeerCodecError("a message counts more items than it holds");
  const items: T[] = [];
  for (let i = 0; i < count; i++) items.push(item());
  return items;
}

function confStateSize(confState: ConfState): number {
  const { voters, votersOutgoing, learners, learnersNext } = confState;
  return voters.length + votersOutgoing.length + learners.length + learnersNext.length;
}
