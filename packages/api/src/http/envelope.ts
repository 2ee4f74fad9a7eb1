/**
 * Answers as bytes, in Vault's key order: one buffer a reply. The envelope is made of strings around the data, which is
 * encoded once and spliced in; stored JSON in it passes through as the bytes that it is.
 */
import type { CoreResult } from "@strongroom/core";
import { encodeJson } from "@strongroom/logical";

export interface Reply {
  readonly status: number;
  /** Missing for 204. */
  readonly contentType?: string;
  readonly body?: Buffer;
}

const JSON_TYPE = "application/json";

const NOT_FOUND: Reply = { status: 404, contentType: JSON_TYPE, body: Buffer.from('{"errors":[]}\n') };
const NO_CONTENT: Reply = { status: 204 };

export function resultReply(result: CoreResult, requestId: string): Reply {
  switch (result.kind) {
    case "data":
      return { status: result.status, contentType: JSON_TYPE, body: envelope(result, requestId) };
    case "empty":
      return NO_CONTENT;
    case "not-found":
      return NOT_FOUND;
    case "plain":
      return {
        status: result.status,
        contentType: JSON_TYPE,
        body: asBuffer(encodeJson(result.body, { head: "", tail: "\n" })),
      };
    case "raw":
      return { status: result.status, contentType: result.contentType, body: asBuffer(result.body) };
  }
}

/** `{"errors":[…]}`; a 403 names the request, so that an operator can find it. */
export function errorReply(status: number, texts: readonly string[], requestId?: string): Reply {
  const id = status === 403 && requestId !== undefined ? `,"request_id":"${requestId}"` : "";
  return { status, contentType: JSON_TYPE, body: Buffer.from(`{"errors":${JSON.stringify(texts)}${id}}\n`) };
}

function envelope(result: Extract<CoreResult, { readonly kind: "data" }>, requestId: string): Buffer {
  const { data, warnings, mountType } = result;
  const warned = warnings === undefined || warnings.length === 0 ? "null" : JSON.stringify(warnings);
  const head = `"request_id":"${requestId}","lease_id":"","renewable":false,"lease_duration":0,"data":`;
  const tail = `,"wrap_info":null,"warnings":${warned},"auth":null,"mount_type":${JSON.stringify(mountType)}}\n`;
  if (data === null || result.topLevel !== true) return asBuffer(encodeJson(data, { head: `{${head}`, tail }));
  const members = encodeJson(data);
  if (members.length <= 2) return asBuffer(encodeJson(data, { head: `{${head}`, tail }));
  // `{members}` becomes `{members,envelope}`.
  return Buffer.concat([members.subarray(0, -1), encodeJson(data, { head: `,${head}`, tail })]);
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
