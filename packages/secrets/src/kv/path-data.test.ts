import { describe, expect, it } from "vitest";
import { KvMount, mountWith, NOON, PUT_ONE, PUT_TWO, versionReply } from "./testing/kv-mount.ts";

describe("writing data", () => {
  it("answers with the version's metadata", async () => {
    const mount = new KvMount();
    expect(await mount.ask("POST data/foo", { data: { a: 1 } })).toEqual({
      status: 200,
      text: `{"created_time":"${NOON}","custom_metadata":null,"deletion_time":"","destroyed":false,"version":1}`,
      warnings: [],
    });
    expect(await mount.data("PUT data/foo", { data: {} })).toEqual(versionReply(2));
  });

  it.each([
    ["POST data/foo", {}, "no data provided"],
    ["POST data/foo", undefined, "no data provided"],
    ["POST data/foo", { data: null }, "no data provided"],
    ["PATCH data/foo", { options: {} }, "no data provided"],
    ["POST data/", { data: {} }, "missing path"],
    ["POST data/foo", { data: "x" }, 'error converting input for field "data": expected a JSON object'],
    ["POST data/foo", { data: [] }, 'error converting input for field "data": expected a JSON object'],
    ["POST data/foo", { data: {}, options: { cas: "x" } }, "error parsing check-and-set parameter"],
    ["POST data/foo", { data: {}, options: { cas: null } }, "error parsing check-and-set parameter"],
    ["POST data/foo", { data: {}, options: { cas: 1.5 } }, "error parsing check-and-set parameter"],
    ["POST data/foo", { data: {}, options: { cas: "" } }, "error parsing check-and-set parameter"],
    ["POST data/foo", { data: {}, options: { cas: 1 } }, "check-and-set parameter did not match the current version"],
  ])("%s %j is a 400", async (request, body, error) => {
    const mount = new KvMount();
    expect(await mount.ask(request, body)).toEqual({ status: 400, text: "", warnings: [], error });
    expect(mount.storage.rows.size).toBe(0);
  });

  it("tells the same times whether the log's time has a fraction or not", async () => {
    const mount = new KvMount();
    mount.nowMs += 500.9;
    const written = await mount.data(...PUT_ONE);
    expect(written).toMatchObject({ created_time: "2030-01-01T12:00:00.5Z" });
    expect(await mount.data("GET data/foo")).toMatchObject({ metadata: written });
    await mount.ask("DELETE data/foo");
    expect(await mount.ask("GET data/foo")).toMatchObject({ status: 404 });
  });

  it("refuses a version that no row could hold, with 413", async () => {
    const mount = new KvMount();
    expect(await mount.ask("POST data/foo", { data: { a: "x".repeat(1_032_192) } })).toMatchObject({ status: 413 });
    expect(await mount.ask("POST data/foo", { data: { a: "x".repeat(1_032_184) } })).toMatchObject({ status: 200 });
  });

  it("refuses keys too long or too deep to store", async () => {
    const mount = new KvMount();
    const ask = async (key: string) => (await mount.ask(`POST data/${key}`, { data: {} })).status;
    expect(await ask("é".repeat(2032))).toBe(200);
    expect(await ask("é".repeat(2033))).toBe(400);
    expect(await ask(Array.from({ length: 62 }, () => "a").join("/"))).toBe(200);
    expect(await ask(Array.from({ length: 63 }, () => "a").join("/"))).toBe(400);
  });

  it("keeps a and a/b apart, and versions from keys that look like them", async () => {
    const mount = await mountWith(
      ["POST data/a", { data: { is: "a" } }],
      ["POST data/a/1", { data: { is: "a/1" } }],
      ["POST data/a/1/1", { data: { is: "a/1/1" } }],
      ["DELETE metadata/a/1"],
    );
    expect(await mount.data("GET data/a")).toMatchObject({ data: { is: "a" } });
    expect(await mount.data("GET data/a/1/1")).toMatchObject({ data: { is: "a/1/1" } });
    expect(await mount.ask("GET data/a/1")).toMatchObject({ status: 404 });
  });
});

describe("reading data", () => {
  it("answers with data and metadata", async () => {
    const mount = await mountWith([...PUT_ONE], [...PUT_TWO]);
    expect(await mount.data("GET data/foo")).toEqual({ data: { a: 2 }, metadata: versionReply(2) });
    expect(await mount.data("GET data/foo", undefined, { version: "0" })).toMatchObject({ data: { a: 2 } });
    expect(await mount.data("GET data/foo", undefined, { version: "1" })).toEqual({
      data: { a: 1 },
      metadata: versionReply(1),
    });
  });

  it.each(["GET data/foo", "GET subkeys/foo"])("%s of what was never there is a bare 404", async (request) => {
    const nothing = { status: 404, text: "", warnings: [] };
    expect(await new KvMount().ask(request)).toEqual(nothing);
    const mount = await mountWith(["POST metadata/foo", {}]);
    expect(await mount.ask(request)).toEqual(nothing);
    await mount.ask(...PUT_ONE);
    expect(await mount.ask(request, undefined, { version: "2" })).toEqual(nothing);
  });

  it("of a deleted version is a 404 with its metadata", async () => {
    const mount = await mountWith([...PUT_ONE], ["DELETE data/foo"]);
    const answer = await mount.ask("GET data/foo");
    expect(answer.status).toBe(404);
    expect(JSON.parse(answer.text)).toEqual({ data: null, metadata: versionReply(1, { deletion_time: NOON }) });
  });

  it("of a destroyed version is a 404 with its metadata", async () => {
    const mount = await mountWith([...PUT_ONE], ["POST destroy/foo", { versions: [1] }]);
    const answer = await mount.ask("GET data/foo");
    expect(answer.status).toBe(404);
    expect(JSON.parse(answer.text)).toEqual({ data: null, metadata: versionReply(1, { destroyed: true }) });
  });

  it.each(["-1", "", "x", "1.0", "0x1"])("refuses version=%j", async (number) => {
    const mount = await mountWith([...PUT_ONE]);
    expect(await mount.ask("GET data/foo", undefined, { version: number })).toMatchObject({ status: 400 });
  });

  it("is no listing", async () => {
    expect(await new KvMount().ask("LIST data/")).toMatchObject({ status: 405 });
  });
});

describe("patching data", () => {
  it("makes a new version of the current one and the patch", async () => {
    const mount = await mountWith(["POST data/foo", '{"data":{"big":9007199254740993,"o":{"x":1.10,"y":2}}}']);
    expect(await mount.data("PATCH data/foo", '{"data":{"o":{"y":null,"z":3}}}')).toEqual(versionReply(2));
    expect((await mount.ask("GET data/foo")).text).toContain('"data":{"big":9007199254740993,"o":{"x":1.10,"z":3}}');
    expect(await mount.data("GET data/foo", undefined, { version: "1" })).toMatchObject({ data: { o: { y: 2 } } });
  });

  it("of what is not there is a bare 404", async () => {
    const mount = new KvMount();
    expect(await mount.ask("PATCH data/foo", { data: {} })).toEqual({ status: 404, text: "", warnings: [] });
    await mount.ask("POST metadata/foo", {});
    expect(await mount.ask("PATCH data/foo", { data: {} })).toEqual({ status: 404, text: "", warnings: [] });
  });

  it.each([
    ["deleted", "DELETE data/foo", undefined],
    ["destroyed", "POST destroy/foo", { versions: [1] }],
  ])("of a %s version is a 404 with its metadata", async (_state, request, body) => {
    const mount = await mountWith([...PUT_ONE], [request, body]);
    const answer = await mount.ask("PATCH data/foo", { data: { b: 1 } });
    expect(answer).toMatchObject({
      status: 404,
      text: expect.stringMatching(/^\{"created_time":.*"version":1\}$/),
    });
  });

  it("obeys cas", async () => {
    const mount = await mountWith([...PUT_ONE]);
    expect(await mount.ask("PATCH data/foo", { options: { cas: 2 }, data: {} })).toMatchObject({ status: 400 });
    expect(await mount.ask("PATCH data/foo", { options: { cas: 1 }, data: {} })).toMatchObject({ status: 200 });
  });
});
