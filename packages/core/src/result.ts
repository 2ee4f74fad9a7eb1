/** From an engine's answer to the core's: what the front doors dress. */
import { type LogicalResponse, RawJson } from "@strongroom/logical";
import { assert, utf8 } from "@strongroom/runtime";
import type { CoreResult } from "./request.ts";
import type { SystemPath } from "./system/system-path.ts";

export function engineResult(response: LogicalResponse, mountType: string): CoreResult {
  const { warnings } = response;
  const warned = warnings === undefined || warnings.length === 0 ? undefined : warnings;
  const rest = warned === undefined ? { mountType } : { mountType, warnings: warned };
  switch (response.kind) {
    case "data":
      return {
        kind: "data",
        status: response.status ?? 200,
        data: response.data,
        ...rest,
        ...(response.wrappedAccessor === undefined ? undefined : { wrappedAccessor: response.wrappedAccessor }),
      };
    case "list":
      return { kind: "data", status: 200, data: { keys: response.keys }, ...rest };
    case "empty":
      return warned === undefined
        ? { kind: "empty" }
        : { kind: "data", status: response.status ?? 200, data: null, ...rest };
    case "not-found":
      return warned === undefined ? { kind: "not-found" } : { kind: "data", status: 404, data: null, ...rest };
    case "stream":
      return { kind: "stream", contentType: response.contentType, body: response.body };
    case "auth":
    case "refusal":
      assert(false, "what is neither granted nor refused yet is no answer");
  }
}

export function systemResult(response: LogicalResponse, mountType: string, reply: SystemPath["reply"]): CoreResult {
  if (response.kind !== "data" || reply === "envelope") return engineResult(response, mountType);
  const { data, status = 200 } = response;
  if (data instanceof RawJson) {
    assert(reply === "verbatim", "a system path answers in members");
    return { kind: "raw", status, contentType: "application/json", body: data.bytes };
  }
  assert(reply !== "verbatim", "a verbatim reply is stored JSON");
  switch (reply) {
    case "plain":
      return { kind: "plain", status, body: data };
    case "text": {
      const text = data["text"];
      assert(typeof text === "string", "a text reply has a text");
      return { kind: "raw", status, contentType: "text/plain; version=0.0.4; charset=utf-8", body: utf8(text) };
    }
    case "top-level":
      return { kind: "data", status, data, mountType, topLevel: true };
  }
}
