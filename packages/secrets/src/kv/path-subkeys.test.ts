import { describe, expect, it } from "vitest";
import { KvMount, mountWith, NOON, PUT_ONE, versionReply } from "./testing/kv-mount.ts";

describe("subkeys", () => {
  const put = [
    "POST data/foo",
    '{"data":{"b":{"c":{"d":1,"e":[{"x":1}]}},"a":"s","__proto__":{"z":null},"o":{}}}',
  ] as const;

  it.each([
    [undefined, '{"b":{"c":{"d":null,"e":null}},"a":null,"__proto__":{"z":null},"o":{}}'],
    ["0", '{"b":{"c":{"d":null,"e":null}},"a":null,"__proto__":{"z":null},"o":{}}'],
    ["1", '{"b":null,"a":null,"__proto__":null,"o":null}'],
    ["2", '{"b":{"c":null},"a":null,"__proto__":{"z":null},"o":{}}'],
  ])("to depth %s", async (depth, shape) => {
    const mount = await mountWith([...put]);
    const { status, text } = await mount.ask("GET subkeys/foo", undefined, depth === undefined ? {} : { depth });
    expect([status, text.endsWith(`"subkeys":${shape}}`)]).toEqual([200, true]);
  });

  it("of a deleted version is a 404 with its metadata", async () => {
    const mount = await mountWith([...PUT_ONE], ["DELETE data/foo"]);
    const answer = await mount.ask("GET subkeys/foo");
    expect([answer.status, JSON.parse(answer.text)]).toEqual([
      404,
      { metadata: versionReply(1, { deletion_time: NOON }), subkeys: null },
    ]);
  });

  it("refuses a negative depth", async () => {
    expect(await new KvMount().ask("GET subkeys/foo", undefined, { depth: "-1" })).toMatchObject({ status: 400 });
  });
});
