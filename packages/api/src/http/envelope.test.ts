import { RawJson } from "@strongroom/logical";
import { utf8 } from "@strongroom/runtime";
import { describe, expect, it } from "vitest";
import { errorReply, resultReply } from "./envelope.ts";

const ID = "11111111-2222-4333-8444-555555555555";
const text = (reply: { readonly body?: Buffer }): string => reply.body?.toString() ?? "";

describe("resultReply", () => {
  it("writes Vault's envelope, key by key", () => {
    const reply = resultReply({ kind: "data", status: 200, data: { keys: ["a", "dir/"] }, mountType: "kv" }, ID);
    expect(reply.status).toBe(200);
    expect(reply.contentType).toBe("application/json");
    expect(text(reply)).toBe(
      `{"request_id":"${ID}","lease_id":"","renewable":false,"lease_duration":0,` +
        '"data":{"keys":["a","dir/"]},"wrap_info":null,"warnings":null,"auth":null,"mount_type":"kv"}\n',
    );
  });

  it("splices stored JSON in as the bytes that it is", () => {
    const stored = '{"n":9007199254740993, "f": 1.10,"__proto__":{"é":"\\u00e9"}}';
    const data = { data: new RawJson(utf8(stored)), metadata: { ä: "ü" } };
    const reply = resultReply({ kind: "data", status: 404, data, warnings: ["käse"], mountType: "kv" }, ID);
    expect(reply.status).toBe(404);
    expect(text(reply)).toContain(
      `"data":{"data":${stored},"metadata":{"ä":"ü"}},"wrap_info":null,"warnings":["käse"],`,
    );
    expect(() => JSON.parse(text(reply)) as unknown).not.toThrow();
  });

  it("repeats the members at the top where Vault does", () => {
    const result = { kind: "data", status: 200, mountType: "system", topLevel: true } as const;
    expect(text(resultReply({ ...result, data: { "sys/": 1 } }, ID))).toMatch(
      /^\{"sys\/":1,"request_id":"[^"]+","lease_id":"",.*"data":\{"sys\/":1\},/,
    );
    expect(text(resultReply({ ...result, data: {} }, ID))).toMatch(/^\{"request_id":/);
  });

  it("says null for no data, nothing for 204, and an empty list of errors for 404", () => {
    const warned = resultReply({ kind: "data", status: 200, data: null, warnings: ["w"], mountType: "kv" }, ID);
    expect(text(warned)).toContain('"data":null,"wrap_info":null,"warnings":["w"]');
    expect(resultReply({ kind: "empty" }, ID)).toEqual({ status: 204 });
    expect(text(resultReply({ kind: "not-found" }, ID))).toBe('{"errors":[]}\n');
  });

  it("leaves plain and raw answers bare", () => {
    expect(text(resultReply({ kind: "plain", status: 503, body: { sealed: true } }, ID))).toBe('{"sealed":true}\n');
    const raw = resultReply({ kind: "raw", status: 200, contentType: "text/plain", body: utf8("x 1\n") }, ID);
    expect([text(raw), raw.contentType]).toEqual(["x 1\n", "text/plain"]);
  });
});

describe("errorReply", () => {
  it("names the request beside every text, and says no more than Vault where that has none", () => {
    expect(text(errorReply(403, ["permission denied"], ID))).toBe(
      `{"errors":["permission denied"],"request_id":"${ID}"}\n`,
    );
    expect(text(errorReply(400, ['a "b"\n'], ID))).toBe(`{"errors":["a \\"b\\"\\n"],"request_id":"${ID}"}\n`);
    expect(text(errorReply(405, [], ID))).toBe('{"errors":[]}\n');
  });
});
