/** The shape of a secret without its values: objects stay, everything else becomes null. */
import type { JsonMember, JsonNode } from "@strongroom/logical";
import { concatBytes, utf8 } from "@strongroom/runtime";

const OPEN: Uint8Array = utf8("{");
const CLOSE: Uint8Array = utf8("}");
const COLON: Uint8Array = utf8(":");
const COMMA: Uint8Array = utf8(",");
const NULL: Uint8Array = utf8("null");

/** JSON text. `depth` levels of keys, 0 being all; what lies deeper is null too. */
export function subkeys(data: JsonNode, depth: number): Uint8Array {
  if (!data.isObject()) return NULL;
  const parts: Uint8Array[] = [OPEN];
  const frames: { readonly members: readonly JsonMember[]; done: number }[] = [{ members: data.members(), done: 0 }];
  for (let frame = frames.at(-1); frame !== undefined; frame = frames.at(-1)) {
    const member = frame.members[frame.done];
    if (member === undefined) {
      parts.push(CLOSE);
      frames.pop();
      continue;
    }
    if (frame.done > 0) parts.push(COMMA);
    frame.done++;
    parts.push(member.keyBytes, COLON);
    if (member.value.isObject() && (depth === 0 || frames.length < depth)) {
      parts.push(OPEN);
      frames.push({ members: member.value.members(), done: 0 });
    } else {
      parts.push(NULL);
    }
  }
  return concatBytes(parts);
}
