/**
 * JSON Merge Patch (RFC 7396) on bytes. A member that the patch does not name keeps its very bytes (digits, escapes, blanks
 * inside it) and its place; new members follow in the patch's order. A stack of frames stands where the RFC recurses.
 */
import { concatBytes, utf8 } from "@strongroom/runtime";
import type { JsonMember, JsonNode } from "./document.ts";

const OPEN: Uint8Array = utf8("{");
const CLOSE: Uint8Array = utf8("}");
const COLON: Uint8Array = utf8(":");
const COMMA: Uint8Array = utf8(",");

/** What becomes of one member of the result: copied, or merged in a frame of its own. */
type Step =
  | { readonly keyBytes: Uint8Array; readonly value: Uint8Array }
  | { readonly keyBytes: Uint8Array; readonly target: JsonNode | undefined; readonly patch: JsonNode };

interface Frame {
  readonly steps: readonly Step[];
  done: number;
}

/** The patched text, in a buffer of its own; without a `target` the patch meets an empty object, and loses its nulls. */
export function mergePatch(target: JsonNode | undefined, patch: JsonNode): Uint8Array {
  if (!patch.isObject()) return patch.bytes().slice();
  const parts: Uint8Array[] = [OPEN];
  const frames: Frame[] = [{ steps: plan(target, patch), done: 0 }];
  for (let frame = frames.at(-1); frame !== undefined; frame = frames.at(-1)) {
    const step = frame.steps[frame.done];
    if (step === undefined) {
      parts.push(CLOSE);
      frames.pop();
      continue;
    }
    if (frame.done > 0) parts.push(COMMA);
    frame.done++;
    parts.push(step.keyBytes, COLON);
    if ("value" in step) {
      parts.push(step.value);
    } else {
      parts.push(OPEN);
      frames.push({ steps: plan(step.target, step.patch), done: 0 });
    }
  }
  return concatBytes(parts);
}

function plan(target: JsonNode | undefined, patch: JsonNode): Step[] {
  const changes = new Map<string, JsonMember>();
  for (const member of patch.members()) changes.set(member.key, member);
  const steps: Step[] = [];
  for (const old of target?.isObject() ? target.members() : []) {
    const change = changes.get(old.key);
    changes.delete(old.key);
    if (change === undefined) steps.push({ keyBytes: old.keyBytes, value: old.value.bytes() });
    else addChange(steps, old.keyBytes, old.value, change.value);
  }
  for (const member of changes.values()) addChange(steps, member.keyBytes, undefined, member.value);
  return steps;
}

function addChange(steps: Step[], keyBytes: Uint8Array, target: JsonNode | undefined, patch: JsonNode): void {
  if (patch.isNull()) return;
  steps.push(patch.isObject() ? { keyBytes, target, patch } : { keyBytes, value: patch.bytes() });
}
