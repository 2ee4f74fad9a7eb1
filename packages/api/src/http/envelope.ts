/** Answers as bytes: one buffer a reply. The envelope is the core's, since a wrapped answer has it inside. */
import { type CoreResult, envelopeJson } from "@strongroom/core";
import { encodeJson } from "@strongroom/logical";

export interface Reply {
  readonly status: number;
  /** Missing for 204. */
  readonly contentType?: string;
  readonly body?: Buffer;
  /** Of the engine, besides those of this door. */
  readonly headers?: ReadonlyMap<string, string>;
  /** In the place of a body: sent as it comes. */
  readonly stream?: AsyncIterable<Uint8Array>;
}

const JSON_TYPE = "application/json";

const NOT_FOUND: Reply = { status: 404, contentType: JSON_TYPE, body: Buffer.from('{"errors":[]}\n') };
const NO_CONTENT: Reply = { status: 204 };

export function resultReply(result: CoreResult, requestId: string): Reply {
  switch (result.kind) {
    case "data":
      return {
        status: result.status,
        contentType: JSON_TYPE,
        body: asBuffer(envelopeJson(result, requestId)),
        ...(result.headers && { headers: result.headers }),
      };
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
    case "stream":
      return { status: 200, contentType: result.contentType, stream: result.body };
  }
}

/**
 * `{"errors":[…],"request_id":"…"}`, so that an operator finds the request in the audit. Where Vault has no text there is
 * nothing beside the empty list either: clients take exactly this for "nothing is there".
 */
export function errorReply(status: number, texts: readonly string[], requestId: string): Reply {
  const id = texts.length === 0 ? "" : `,"request_id":"${requestId}"`;
  return { status, contentType: JSON_TYPE, body: Buffer.from(`{"errors":${JSON.stringify(texts)}${id}}\n`) };
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
