/**
 * How a worker becomes a proposer. A registration is a command with sequence and floor 0, no guards and one mutation: a put
 * under `registrationKey` of the proposer's own node, whose value lists the incarnations of that node that are alive. It
 * writes no row: it adds the proposer, and removes those of the node's older incarnations that are not listed.
 *
 * It bears a MAC like every command: a worker registers once its node is open, and proposes nothing but an init before.
 */
import { ByteReader, ByteWriter, compareBytes, ShortInputError } from "@strongroom/runtime";
import type { Command, Mutation } from "@strongroom/storage";
import { registrationKey } from "./keys.ts";

export const REGISTRATION_SEQUENCE = 0;

const VERSION = 1;

/** The one mutation of a registration of `proposer`'s node; `alive` are its incarnations that still have a worker. */
export function registrationMutation(nodeId: number, alive: readonly number[]): Mutation {
  const writer = new ByteWriter(16 + 8 * alive.length).u8(VERSION).u16(alive.length);
  for (const incarnation of alive) writer.u64(incarnation);
  return { kind: "put", key: registrationKey(nodeId), term: 0, value: writer.finish() };
}

/** The incarnations that are alive, or undefined if the command is no registration. */
export function readRegistration(command: Command): readonly number[] | undefined {
  const { proposer, sequence, floor, guards, mutations } = command;
  const mutation = mutations[0];
  if (sequence !== REGISTRATION_SEQUENCE || floor !== 0 || guards.length > 0 || mutations.length !== 1)
    return undefined;
  if (mutation?.kind !== "put" || compareBytes(mutation.key, registrationKey(proposer.node)) !== 0) return undefined;
  return readIncarnations(mutation.value);
}

function readIncarnations(value: Uint8Array): readonly number[] | undefined {
  try {
    const reader = new ByteReader(value);
    if (reader.u8() !== VERSION) return undefined;
    const count = reader.u16();
    const incarnations: number[] = [];
    for (let i = 0; i < count; i++) incarnations.push(reader.u64());
    return reader.remaining === 0 ? incarnations : undefined;
  } catch (error) {
    if (error instanceof ShortInputError) return undefined;
    throw error;
  }
}
