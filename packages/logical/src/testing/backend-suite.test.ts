import { utf8 } from "@strongroom/runtime";
import { describe, expect, it } from "vitest";
import { defineBackend, definePath, type OperationDefinition } from "../backend.ts";
import { LogicalError } from "../errors.ts";
import type { FieldSchemas, Fields } from "../field.ts";
import type { LogicalRequest, RequestContext } from "../request.ts";
import type { LogicalResponse } from "../response.ts";
import { backendSuite, type SampleRequest } from "./backend-suite.ts";

type Handler = (context: RequestContext, request: LogicalRequest, fields: Fields) => LogicalResponse;

/** The names of the cases that fail for a backend of one path, whose handler does `handler`. */
async function failures(handler: Handler, sample: Partial<SampleRequest> = {}): Promise<string[]> {
  const fields: FieldSchemas = {
    name: { type: "string", description: "n" },
    value: { type: "json", description: "v" },
  };
  const operation: OperationDefinition = { summary: "s", handler };
  const backend = defineBackend({
    type: "test",
    help: "h",
    paths: [
      definePath({
        pattern: "things/:name",
        fields,
        operations: { read: operation, update: operation },
        synopsis: "s",
        description: "d",
      }),
    ],
  });
  const samples = [{ operation: "update" as const, path: "things/a", body: '{"value":1}', ...sample }];
  const failed: string[] = [];
  for (const { name, run } of backendSuite({ backend, samples })) {
    await run().catch(() => failed.push(name));
  }
  return failed;
}

describe("backendSuite", () => {
  it("is content with a good backend", async () => {
    const put: Handler = (context, _request, fields) => {
      context.storage.put(`things/${fields.get("name") as string}`, utf8(String(context.nowMs)));
      return { kind: "data", data: { id: [...context.entropy.bytes(2)] } };
    };
    expect(await failures(put)).toEqual([]);
  });

  it("finds a handler that remembers", async () => {
    let calls = 0;
    expect(await failures(() => ({ kind: "data", data: { calls: ++calls } }))).toEqual([
      "answers each sample in JSON, alike when run again",
    ]);
  });

  it("finds a read that writes", async () => {
    const write: Handler = (context) => {
      context.storage.put("seen", new Uint8Array(1));
      return { kind: "empty" };
    };
    expect(await failures(write, { operation: "read" })).toEqual(["answers each sample in JSON, alike when run again"]);
  });

  it("finds a handler that trips over its input", async () => {
    const trip: Handler = (_context, request) => {
      const length = request.body?.get("value")?.elements().length ?? 0;
      if (length > 0) throw new LogicalError("invalid_request", "too long");
      return { kind: "empty" };
    };
    expect(await failures(trip, { body: "{}" })).toEqual(["refuses wrong values with a typed error"]);
  });
});
