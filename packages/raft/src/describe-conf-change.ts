/** Membership changes as text: `v1 l2 r3` as transcripts write them, and the long form of the log lines. */

import type { ConfChange, ConfChangeSingle, ConfChangeType, ConfChangeV2 } from "./confchange/conf-change.ts";
import { toNodeId } from "./entry.ts";
import { ConfChangeError } from "./errors.ts";

const LETTERS: ReadonlyMap<string, ConfChangeType> = new Map([
  ["v", "ConfChangeAddNode"],
  ["l", "ConfChangeAddLearnerNode"],
  ["r", "ConfChangeRemoveNode"],
  ["u", "ConfChangeUpdateNode"],
]);

/** For example `v1 l2 r3 u4`. */
export function describeChanges(changes: readonly ConfChangeSingle[]): string {
  return changes.map(({ type, nodeId }) => `${letterOf(type)}${nodeId}`).join(" ");
}

/** Reads what `describeChanges` writes. Throws `ConfChangeError`. */
export function parseChanges(text: string): ConfChangeSingle[] {
  return text
    .split(/\s+/)
    .filter((token) => token !== "")
    .map((token) => {
      const type = LETTERS.get(token[0] as string);
      if (type === undefined || !/^.\d+$/.test(token)) throw new ConfChangeError(`unknown membership change ${token}`);
      return { type, nodeId: toNodeId(Number(token.slice(1))) };
    });
}

/** In the form of protocol buffers' text, as etcd logs it. */
export function describeConfChangeV2({ transition, changes, context }: ConfChangeV2): string {
  const parts = [`transition:${transition}`];
  for (const { type, nodeId } of changes) parts.push(`changes:{type:${type} node_id:${nodeId}}`);
  if (context.length > 0) parts.push(`context:<${context.length} bytes>`);
  return parts.join(" ");
}

/** As `describeConfChangeV2`, for the first version. */
export function describeConfChange({ type, nodeId, context }: ConfChange): string {
  const text = `type:${type} node_id:${nodeId}`;
  return context.length > 0 ? `${text} context:<${context.length} bytes>` : text;
}

function letterOf(type: ConfChangeType): string {
  for (const [letter, known] of LETTERS) if (known === type) return letter;
  throw new ConfChangeError(`unknown membership change ${type}`);
}
