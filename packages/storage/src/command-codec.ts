/**
 * The bytes of a command, version 1 (docs/formats/storage.md). An encoding is canonical: what decodes encodes to the same
 * bytes again, so a MAC over the bytes is a MAC over the fields. The key id and the MAC stand last, at a fixed distance
 * from the end, so that a command is encoded once, authenticated as a view and completed in place.
 */
import {
  assert,
  ByteReader,
  ByteWriter,
  compareBytes,
  ShortInputError,
  slabBytes,
  unreachable,
} from "@strongroom/runtime";
import type { Command, CommandDraft, Guard, Mutation } from "./command.ts";
import { TooLargeError } from "./errors.ts";
import { replicatedKeyProblem } from "./keys.ts";
import { LIMITS } from "./limits.ts";
import type { Revision } from "./revision.ts";

export const COMMAND_VERSION = 1;
export const MAC_BYTES = 32;

/**
 * Why bytes are no command. `unsupported`: they may be one of a newer version, which this one must not judge; a replica
 * that meets them in its log stops.
 */
export interface MalformedCommand {
  readonly malformed: string;
  readonly unsupported: boolean;
}

const HEAD_BYTES = 35;
const TRAILER_BYTES = 4 + MAC_BYTES;
const REVISION_BYTES = 8;
const U16 = 2 ** 16;
const U32 = 2 ** 32;
const U48 = 2 ** 48;
const NO_MAC = new Uint8Array(MAC_BYTES);

const GUARD_KIND = { point: 1, absent: 2, raftTerm: 3, epoch: 4 } as const;
const MUTATION_KIND = { put: 1, delete: 2 } as const;

/**
 * The command's bytes, in a slab, so they are copied to be posted to a thread; mutations are put in the order of their keys. Throws `TooLargeError`
 * beyond `LIMITS`; a private key, a key mutated twice or a number out of range is a bug.
 */
export function encodeCommand(command: Command): Uint8Array {
  const { proposer, keyId, mac } = command;
  const mutations = inKeyOrder(command.mutations);
  const writer = new ByteWriter(slabBytes(commandBytes(command)));
  assert(Number.isSafeInteger(proposer.node) && proposer.node >= 0, "a proposer's node is a node id");
  assert(keyId === 0 ? mac.length === 0 : mac.length === MAC_BYTES, "a key id and a MAC of 32 bytes go together");
  writer.u8(COMMAND_VERSION).u64(proposer.node);
  writer.u48(below(proposer.incarnation, U48)).u48(below(command.sequence, U48)).u48(below(command.floor, U48));
  writer.u48(below(command.proposerTimeMs, U48));
  writer.u16(command.guards.length);
  for (const guard of command.guards) writeGuard(writer, guard);
  writer.u16(mutations.length);
  for (const mutation of mutations) writeMutation(writer, mutation);
  writer.u32(below(keyId, U32)).raw(keyId === 0 ? NO_MAC : mac);
  return writer.view();
}

/** What the MAC of an encoded command covers: a view of all but the key id and the MAC themselves. */
export function commandMacInput(bytes: Uint8Array): Uint8Array {
  assert(bytes.length >= TRAILER_BYTES, "an encoded command has a trailer");
  return bytes.subarray(0, bytes.length - TRAILER_BYTES);
}

/** Completes an encoded command in place. */
export function attachMac(bytes: Uint8Array, signature: { readonly keyId: number; readonly mac: Uint8Array }): void {
  assert(bytes.length >= TRAILER_BYTES, "an encoded command has a trailer");
  assert(signature.keyId > 0 && signature.keyId < U32, "a MAC's key id is a positive 32-bit number");
  assert(signature.mac.length === MAC_BYTES, "a MAC has 32 bytes");
  const at = bytes.length - TRAILER_BYTES;
  new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).setUint32(at, signature.keyId);
  bytes.set(signature.mac, at + 4);
}

/** Reads a command; keys, values and MAC are views into `bytes`. Never throws, whatever the bytes. */
export function decodeCommand(bytes: Uint8Array): Command | MalformedCommand {
  if (bytes.length > LIMITS.commandBytes) return malformed("it exceeds the greatest size of a command");
  try {
    return readCommand(new ByteReader(bytes));
  } catch (error) {
    if (error instanceof BadCommand) return error.verdict;
    if (error instanceof ShortInputError) return malformed(error.message);
    throw error;
  }
}

export function isMalformed(decoded: Command | MalformedCommand): decoded is MalformedCommand {
  return "malformed" in decoded;
}

/** The size of `draft` as an encoded command. Throws `TooLargeError` beyond `LIMITS`. */
export function commandBytes(draft: CommandDraft): number {
  if (draft.mutations.length > LIMITS.mutations) {
    throw new TooLargeError(
      `one request may change ${LIMITS.mutations} rows, this one changes ${draft.mutations.length}`,
    );
  }
  if (draft.guards.length > LIMITS.guards) {
    throw new TooLargeError(`one request may depend on ${LIMITS.guards} rows, this one reads ${draft.guards.length}`);
  }
  let size = HEAD_BYTES + 2 + TRAILER_BYTES;
  for (const guard of draft.guards) size += guardBytes(guard);
  for (const mutation of draft.mutations) size += mutationBytes(mutation);
  if (size > LIMITS.commandBytes) {
    throw new TooLargeError(`one request may write ${LIMITS.commandBytes} bytes, this one writes ${size}`);
  }
  return size;
}

/** Leaves `readCommand` early; never leaves this file. */
class BadCommand extends Error {
  readonly verdict: MalformedCommand;

  constructor(verdict: MalformedCommand) {
    super(verdict.malformed);
    this.verdict = verdict;
  }
}

function malformed(reason: string, unsupported = false): MalformedCommand {
  return { malformed: reason, unsupported };
}

function refuse(reason: string, unsupported = false): never {
  throw new BadCommand(malformed(reason, unsupported));
}

function below(value: number, bound: number): number {
  assert(Number.isInteger(value) && value >= 0 && value < bound, "a number of a command is whole and in its range");
  return value;
}

function inKeyOrder(mutations: readonly Mutation[]): readonly Mutation[] {
  let ordered = mutations;
  if (mutations.some((mutation, i) => i > 0 && compareBytes((mutations[i - 1] as Mutation).key, mutation.key) >= 0)) {
    ordered = [...mutations].sort((a, b) => compareBytes(a.key, b.key));
    for (let i = 1; i < ordered.length; i++) {
      const repeated = compareBytes((ordered[i - 1] as Mutation).key, (ordered[i] as Mutation).key) === 0;
      assert(!repeated, "a command mutates a key only once");
    }
  }
  return ordered;
}

function guardBytes(guard: Guard): number {
  switch (guard.kind) {
    case "point":
      return 3 + guard.key.length + REVISION_BYTES;
    case "absent":
      return 3 + guard.key.length;
    case "raft-term":
      return 7;
    case "epoch":
      return 1 + REVISION_BYTES;
    default:
      return unreachable(guard);
  }
}

function mutationBytes(mutation: Mutation): number {
  if (mutation.kind === "delete") return 3 + mutation.key.length;
  if (mutation.value.length > LIMITS.rowBytes) {
    throw new TooLargeError(`a row may hold ${LIMITS.rowBytes} bytes, this one has ${mutation.value.length}`);
  }
  return 3 + mutation.key.length + 8 + mutation.value.length;
}

function writeGuard(writer: ByteWriter, guard: Guard): void {
  switch (guard.kind) {
    case "point":
      assert(guard.revision.index > 0, "a row that is not there is guarded by its absence");
      writeKey(writer.u8(GUARD_KIND.point), guard.key);
      writeRevision(writer, guard.revision);
      return;
    case "absent":
      writeKey(writer.u8(GUARD_KIND.absent), guard.key);
      return;
    case "raft-term":
      writer.u8(GUARD_KIND.raftTerm).u48(below(guard.term, U48));
      return;
    case "epoch":
      writeRevision(writer.u8(GUARD_KIND.epoch), guard.revision);
      return;
    default:
      unreachable(guard);
  }
}

function writeMutation(writer: ByteWriter, mutation: Mutation): void {
  if (mutation.kind === "delete") {
    writeKey(writer.u8(MUTATION_KIND.delete), mutation.key);
    return;
  }
  writeKey(writer.u8(MUTATION_KIND.put), mutation.key);
  writer.u32(below(mutation.term, U32)).bytes(mutation.value);
}

function writeKey(writer: ByteWriter, key: Uint8Array): void {
  const problem = replicatedKeyProblem(key);
  assert(problem === undefined, problem ?? "");
  writer.u16(key.length).raw(key);
}

function writeRevision(writer: ByteWriter, revision: Revision): void {
  assert(revision.index > 0 || revision.position === 0, "there is one revision of what is absent");
  writer.u48(below(revision.index, U48)).u16(below(revision.position, U16));
}

function readCommand(reader: ByteReader): Command {
  const version = reader.u8();
  if (version !== COMMAND_VERSION) refuse(`it has version ${version}, this node knows ${COMMAND_VERSION}`, true);
  const proposer = { node: reader.u64(), incarnation: reader.u48() };
  const sequence = reader.u48();
  const floor = reader.u48();
  const proposerTimeMs = reader.u48();
  const guards = readGuards(reader);
  const mutations = readMutations(reader);
  const keyId = reader.u32();
  const mac = reader.raw(MAC_BYTES);
  if (reader.remaining > 0) refuse("bytes follow its end");
  if (keyId === 0 && mac.some((byte) => byte !== 0)) refuse("it has a MAC without a key id");
  const trailer = { keyId, mac: keyId === 0 ? mac.subarray(0, 0) : mac };
  return { version: COMMAND_VERSION, proposer, sequence, floor, proposerTimeMs, guards, mutations, ...trailer };
}

function readGuards(reader: ByteReader): Guard[] {
  const count = reader.u16();
  if (count > LIMITS.guards) refuse("it has too many guards");
  const guards: Guard[] = [];
  for (let i = 0; i < count; i++) guards.push(readGuard(reader));
  return guards;
}

function readGuard(reader: ByteReader): Guard {
  const kind = reader.u8();
  switch (kind) {
    case GUARD_KIND.point: {
      const key = readKey(reader);
      const revision = readRevision(reader);
      if (revision.index === 0) refuse("a point guard has no revision");
      return { kind: "point", key, revision };
    }
    case GUARD_KIND.absent:
      return { kind: "absent", key: readKey(reader) };
    case GUARD_KIND.raftTerm:
      return { kind: "raft-term", term: reader.u48() };
    case GUARD_KIND.epoch:
      return { kind: "epoch", revision: readRevision(reader) };
    default:
      return refuse(`it has a guard of the unknown kind ${kind}`, true);
  }
}

function readMutations(reader: ByteReader): Mutation[] {
  const count = reader.u16();
  if (count > LIMITS.mutations) refuse("it has too many mutations");
  const mutations: Mutation[] = [];
  let previous: Uint8Array | undefined;
  for (let i = 0; i < count; i++) {
    const mutation = readMutation(reader);
    // Ascending order makes the encoding canonical, and shows that no key is mutated twice.
    if (previous !== undefined && compareBytes(previous, mutation.key) >= 0)
      refuse("its mutations are not in key order");
    previous = mutation.key;
    mutations.push(mutation);
  }
  return mutations;
}

function readMutation(reader: ByteReader): Mutation {
  const kind = reader.u8();
  if (kind === MUTATION_KIND.delete) return { kind: "delete", key: readKey(reader) };
  if (kind !== MUTATION_KIND.put) return refuse(`it has a mutation of the unknown kind ${kind}`, true);
  const key = readKey(reader);
  const term = reader.u32();
  const length = reader.u32();
  if (length > LIMITS.rowBytes) refuse("a row exceeds the greatest size");
  return { kind: "put", key, term, value: reader.raw(length) };
}

function readKey(reader: ByteReader): Uint8Array {
  const key = reader.raw(reader.u16());
  const problem = replicatedKeyProblem(key);
  if (problem !== undefined) refuse(problem);
  return key;
}

function readRevision(reader: ByteReader): Revision {
  const revision = { index: reader.u48(), position: reader.u16() };
  if (revision.index === 0 && revision.position !== 0) refuse("a revision has no index");
  return revision;
}
