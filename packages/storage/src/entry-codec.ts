/**
 * What a log entry carries, version 1 (docs/formats/storage.md): nothing (the no-op of a new leader, the core's own
 * leave-joint), commands packed under one stamp of the log's time, or the one command that goes with a change of
 * membership. A command's position here is its position in the revisions that it gives.
 */
import { assert, ByteReader, ByteWriter, ShortInputError } from "@strongroom/runtime";
import { LIMITS } from "./limits.ts";

export const ENTRY_VERSION = 1;

export type EntryBody =
  | { readonly kind: "empty" }
  | {
      readonly kind: "commands" | "membership";
      readonly version: 1;
      /** The log's time when the leader proposed the entry, in milliseconds since 1970-01-01 UTC. */
      readonly logTimeMs: number;
      /** Each as `encodeCommand` gave it; at least one, and exactly one for `membership`. */
      readonly commands: readonly Uint8Array[];
    };

/** Why bytes are no entry body; `unsupported` as of `MalformedCommand`. */
export interface MalformedEntry {
  readonly kind: "malformed";
  readonly malformed: string;
  readonly unsupported: boolean;
}

const KIND_BYTE = { commands: 1, membership: 2 } as const;
const HEAD_BYTES = 10;
const U48 = 2 ** 48;

/** Bytes of an entry before its first command, and before each command: what a leader packs by. */
export const ENTRY_OVERHEAD: { readonly head: number; readonly command: number } = { head: HEAD_BYTES, command: 4 };

/** The entry's bytes, in a buffer of their own; more than `LIMITS` allow is a bug of the packer. */
export function encodeEntryBody(body: EntryBody): Uint8Array {
  if (body.kind === "empty") return new Uint8Array(0);
  const { commands, logTimeMs } = body;
  let size = HEAD_BYTES;
  for (const command of commands) size += ENTRY_OVERHEAD.command + command.length;
  assert(size <= LIMITS.entryBytes, "an entry is within the limit");
  assert(commands.length >= 1 && commands.length <= LIMITS.commandsPerEntry, "an entry's commands can be counted");
  assert(body.kind === "commands" || commands.length === 1, "a change of membership goes with one command");
  assert(Number.isInteger(logTimeMs) && logTimeMs >= 0 && logTimeMs < U48, "the log's time is a 48-bit number");
  const writer = new ByteWriter(size);
  writer.u8(ENTRY_VERSION).u8(KIND_BYTE[body.kind]).u48(logTimeMs).u16(commands.length);
  for (const command of commands) {
    assert(command.length > 0 && command.length <= LIMITS.commandBytes, "a command is within the limit");
    writer.bytes(command);
  }
  return writer.view();
}

/** Reads an entry's body; commands are views into `bytes`, not decoded. Never throws, whatever the bytes. */
export function decodeEntryBody(bytes: Uint8Array): EntryBody | MalformedEntry {
  if (bytes.length === 0) return { kind: "empty" };
  if (bytes.length > LIMITS.entryBytes) return malformed("it exceeds the greatest size of an entry");
  try {
    return readEntry(new ByteReader(bytes));
  } catch (error) {
    if (error instanceof ShortInputError) return malformed(error.message);
    throw error;
  }
}

function readEntry(reader: ByteReader): EntryBody | MalformedEntry {
  const version = reader.u8();
  if (version !== ENTRY_VERSION) return malformed(`it has version ${version}, this node knows ${ENTRY_VERSION}`, true);
  const kindByte = reader.u8();
  if (kindByte !== KIND_BYTE.commands && kindByte !== KIND_BYTE.membership) {
    return malformed(`it has the unknown kind ${kindByte}`, true);
  }
  const kind = kindByte === KIND_BYTE.commands ? "commands" : "membership";
  const logTimeMs = reader.u48();
  const count = reader.u16();
  if (count === 0) return malformed("it has no command");
  if (kind === "membership" && count !== 1) return malformed("a change of membership has more than one command");
  const commands: Uint8Array[] = [];
  for (let i = 0; i < count; i++) {
    const length = reader.u32();
    if (length === 0 || length > LIMITS.commandBytes) return malformed("the size of a command is out of range");
    commands.push(reader.raw(length));
  }
  if (reader.remaining > 0) return malformed("bytes follow its end");
  return { kind, version: ENTRY_VERSION, logTimeMs, commands };
}

function malformed(reason: string, unsupported = false): MalformedEntry {
  return { kind: "malformed", malformed: reason, unsupported };
}
