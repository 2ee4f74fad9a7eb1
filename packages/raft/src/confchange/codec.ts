/**
 * The bytes of a membership change in an entry's data. Version 2: version byte 2, transition, count of changes as u16,
 * then a kind byte and a u64 id for each (big-endian), then the context to the end. Version 1: version byte 1, one
 * change, context. Empty data is the change that leaves a joint configuration, which the core itself proposes.
 */

import { NO_NODE, toNodeId } from "../entry.ts";
import { ConfChangeError } from "../errors.ts";
import type {
  ConfChange,
  ConfChangeSingle,
  ConfChangeTransition,
  ConfChangeType,
  ConfChangeV2,
} from "./conf-change.ts";

const TYPES: readonly ConfChangeType[] = [
  "ConfChangeAddNode",
  "ConfChangeRemoveNode",
  "ConfChangeUpdateNode",
  "ConfChangeAddLearnerNode",
];
const TRANSITIONS: readonly ConfChangeTransition[] = [
  "ConfChangeTransitionAuto",
  "ConfChangeTransitionJointImplicit",
  "ConfChangeTransitionJointExplicit",
];

const CHANGE_BYTES = 9;
const V1_HEADER_BYTES = 1;
const V2_HEADER_BYTES = 4;
const MAX_CHANGES = 0xffff;

/** The change that leaves a joint configuration: no changes, no context, and no bytes. */
export const LEAVE_JOINT: ConfChangeV2 = {
  transition: "ConfChangeTransitionAuto",
  changes: [],
  context: new Uint8Array(0),
};

/** The data of an `EntryConfChangeV2`. */
export function encodeConfChangeV2(change: ConfChangeV2): Uint8Array {
  const { transition, changes, context } = change;
  if (changes.length > MAX_CHANGES) throw new ConfChangeError(`${changes.length} changes are too many for one entry`);
  if (transition === "ConfChangeTransitionAuto" && changes.length === 0 && context.length === 0)
    return new Uint8Array(0);
  const bytes = new Uint8Array(V2_HEADER_BYTES + changes.length * CHANGE_BYTES + context.length);
  const view = new DataView(bytes.buffer);
  bytes[0] = 2;
  bytes[1] = TRANSITIONS.indexOf(transition);
  view.setUint16(2, changes.length);
  let at = V2_HEADER_BYTES;
  for (const single of changes) {
    writeSingle(view, at, single);
    at += CHANGE_BYTES;
  }
  bytes.set(context, at);
  return bytes;
}

/** Reads what `encodeConfChangeV2` wrote. Throws `ConfChangeError` on anything else. The context is a view of `bytes`. */
export function decodeConfChangeV2(bytes: Uint8Array): ConfChangeV2 {
  if (bytes.length === 0) return LEAVE_JOINT;
  const view = viewOf(bytes, V2_HEADER_BYTES, 2);
  const transition = TRANSITIONS[view.getUint8(1)];
  const count = view.getUint16(2);
  const contextAt = V2_HEADER_BYTES + count * CHANGE_BYTES;
  if (transition === undefined || bytes.length < contextAt) throw malformed();
  const changes: ConfChangeSingle[] = [];
  for (let at = V2_HEADER_BYTES; at < contextAt; at += CHANGE_BYTES) changes.push(readSingle(view, at));
  return { transition, changes, context: bytes.subarray(contextAt) };
}

/** The data of an `EntryConfChange`. */
export function encodeConfChange(change: ConfChange): Uint8Array {
  const bytes = new Uint8Array(V1_HEADER_BYTES + CHANGE_BYTES + change.context.length);
  bytes[0] = 1;
  writeSingle(new DataView(bytes.buffer), V1_HEADER_BYTES, change);
  bytes.set(change.context, V1_HEADER_BYTES + CHANGE_BYTES);
  return bytes;
}

/** Reads what `encodeConfChange` wrote. Throws `ConfChangeError` on anything else. The context is a view of `bytes`. */
export function decodeConfChange(bytes: Uint8Array): ConfChange {
  if (bytes.length === 0) return { type: "ConfChangeAddNode", nodeId: NO_NODE, context: bytes };
  const view = viewOf(bytes, V1_HEADER_BYTES + CHANGE_BYTES, 1);
  return { ...readSingle(view, V1_HEADER_BYTES), context: bytes.subarray(V1_HEADER_BYTES + CHANGE_BYTES) };
}

function writeSingle(view: DataView, at: number, single: ConfChangeSingle): void {
  view.setUint8(at, TYPES.indexOf(single.type));
  view.setBigUint64(at + 1, BigInt(single.nodeId));
}

function readSingle(view: DataView, at: number): ConfChangeSingle {
  const type = TYPES[view.getUint8(at)];
  const id = view.getBigUint64(at + 1);
  if (type === undefined || id > BigInt(Number.MAX_SAFE_INTEGER)) throw malformed();
  return { type, nodeId: toNodeId(Number(id)) };
}

function viewOf(bytes: Uint8Array, atLeast: number, version: number): DataView {
  if (bytes.length < atLeast || bytes[0] !== version) throw malformed();
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function malformed(): ConfChangeError {
  return new ConfChangeError("the bytes are no membership change of a known version");
}
