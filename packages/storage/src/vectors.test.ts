/** The vectors in testdata/, both ways: what another implementation of the formats could be checked with. */
import { readFileSync } from "node:fs";
import { fromHex, toHex } from "@strongroom/runtime";
import { describe, expect, it } from "vitest";
import type { Command, Guard, Mutation, ProposerId } from "./command.ts";
import { commandMacInput, decodeCommand, encodeCommand } from "./command-codec.ts";
import { decodeEntryBody, type EntryBody, encodeEntryBody } from "./entry-codec.ts";
import { CorruptRowError } from "./errors.ts";
import type { Revision } from "./revision.ts";
import { decodeRow, encodeRow } from "./row.ts";

interface Refused {
  readonly name: string;
  readonly hex: string;
  readonly unsupported: boolean;
}

interface RowVectors {
  readonly valid: readonly {
    name: string;
    hex: string;
    row: { index: number; position: number; term: number; value: string };
  }[];
  readonly corrupt: readonly { name: string; hex: string }[];
}

interface CommandVectors {
  readonly valid: readonly { name: string; hex: string; macInputBytes: number; command: CommandJson }[];
  readonly malformed: readonly Refused[];
}

interface CommandJson {
  readonly proposer: ProposerId;
  readonly sequence: number;
  readonly floor: number;
  readonly proposerTimeMs: number;
  readonly guards: readonly { kind: Guard["kind"]; key: string; term: number; revision: Revision }[];
  readonly mutations: readonly { kind: Mutation["kind"]; key: string; term: number; value: string }[];
  readonly keyId: number;
  readonly mac: string;
}

type EntryJson =
  | { readonly kind: "empty" }
  | { readonly kind: "commands" | "membership"; readonly logTimeMs: number; readonly commands: readonly string[] };

interface EntryVectors {
  readonly valid: readonly { name: string; hex: string; body: EntryJson }[];
  readonly malformed: readonly Refused[];
}

describe("row vectors", () => {
  const { valid, corrupt } = load<RowVectors>("rows.json");
  it.each(valid)("$name", ({ hex, row }) => {
    const { index, position, term } = row;
    const expected = { revision: { index, position }, term, value: fromHex(row.value) };
    expect(toHex(encodeRow(expected))).toBe(hex);
    expect(decodeRow(fromHex(hex))).toEqual(expected);
  });
  it.each(corrupt)("corrupt: $name", ({ hex }) => {
    expect(() => decodeRow(fromHex(hex))).toThrow(CorruptRowError);
  });
});

describe("command vectors", () => {
  const { valid, malformed } = load<CommandVectors>("commands.json");
  it.each(valid)("$name", ({ hex, macInputBytes, command }) => {
    const expected = commandOf(command);
    expect(toHex(encodeCommand(expected))).toBe(hex);
    expect(decodeCommand(fromHex(hex))).toEqual(expected);
    expect(commandMacInput(fromHex(hex))).toEqual(fromHex(hex.slice(0, 2 * macInputBytes)));
  });
  it.each(malformed)("malformed: $name", ({ hex, unsupported }) => {
    expect(decodeCommand(fromHex(hex))).toEqual({ malformed: expect.any(String), unsupported });
  });
});

describe("entry vectors", () => {
  const { valid, malformed } = load<EntryVectors>("entries.json");
  it.each(valid)("$name", ({ hex, body }) => {
    const expected = bodyOf(body);
    expect(toHex(encodeEntryBody(expected))).toBe(hex);
    expect(decodeEntryBody(fromHex(hex))).toEqual(expected);
  });
  it.each(malformed)("malformed: $name", ({ hex, unsupported }) => {
    expect(decodeEntryBody(fromHex(hex))).toEqual({ kind: "malformed", malformed: expect.any(String), unsupported });
  });
});

function load<T>(file: string): T {
  return JSON.parse(readFileSync(new URL(`../testdata/${file}`, import.meta.url), "utf8")) as T;
}

function commandOf(json: CommandJson): Command {
  return {
    version: 1,
    proposer: json.proposer,
    sequence: json.sequence,
    floor: json.floor,
    proposerTimeMs: json.proposerTimeMs,
    guards: json.guards.map((guard): Guard => {
      if (guard.kind === "raft-term") return { kind: guard.kind, term: guard.term };
      if (guard.kind === "epoch") return { kind: guard.kind, revision: guard.revision };
      if (guard.kind === "absent") return { kind: guard.kind, key: fromHex(guard.key) };
      return { kind: guard.kind, key: fromHex(guard.key), revision: guard.revision };
    }),
    mutations: json.mutations.map((mutation): Mutation => {
      const key = fromHex(mutation.key);
      if (mutation.kind === "delete") return { kind: "delete", key };
      return { kind: "put", key, term: mutation.term, value: fromHex(mutation.value) };
    }),
    keyId: json.keyId,
    mac: fromHex(json.mac),
  };
}

function bodyOf(json: EntryJson): EntryBody {
  if (json.kind === "empty") return json;
  return { kind: json.kind, version: 1, logTimeMs: json.logTimeMs, commands: json.commands.map(fromHex) };
}
