/**
 * A configuration as bytes: four lists of node ids (u16 count, then eight bytes an id), then one byte for `autoLeave`.
 * The log, the replica's own row and the head of a snapshot all hold it in this form.
 */
import { type ConfState, type NodeId, toNodeId } from "@strongroom/raft";
import { type ByteReader, type ByteWriter, ShortInputError } from "@strongroom/runtime";

export function writeConfState(writer: ByteWriter, conf: ConfState): void {
  for (const ids of [conf.voters, conf.votersOutgoing, conf.learners, conf.learnersNext]) {
    writer.u16(ids.length);
    for (const id of ids) writer.u64(id);
  }
  writer.u8(conf.autoLeave ? 1 : 0);
}

/** Throws `ShortInputError` for what is no configuration. */
export function readConfState(reader: ByteReader): ConfState {
  const voters = readIds(reader);
  const votersOutgoing = readIds(reader);
  const learners = readIds(reader);
  const learnersNext = readIds(reader);
  const autoLeave = reader.u8();
  if (autoLeave > 1) throw new ShortInputError("a configuration's last byte is 0 or 1");
  return { voters, votersOutgoing, learners, learnersNext, autoLeave: autoLeave === 1 };
}

function readIds(reader: ByteReader): NodeId[] {
  const count = reader.u16();
  const ids: NodeId[] = [];
  for (let i = 0; i < count; i++) ids.push(toNodeId(reader.u64()));
  return ids;
}
