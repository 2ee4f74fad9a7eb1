import { describe, expect, it } from "vitest";
import { KvMount, NOON, versionReply } from "./testing/kv-mount.ts";

async function plainMount(...requests: readonly (readonly [string, unknown?])[]): Promise<KvMount> {
  const mount = new KvMount("1");
  for (const [request, body] of requests) expect((await mount.ask(request, body)).status).toBe(204);
  return mount;
}

describe("a mount without versions", () => {
  it("keeps what was written last, byte for byte", async () => {
    const mount = await plainMount(
      ["POST a/b", { v: 1 }],
      ["POST a/b", '{"v": 1.50, "10": 1, "2": 2, "__proto__": {"x": 12345678901234567890}}'],
    );
    expect((await mount.ask("GET a/b")).text).toBe(
      '{"v": 1.50, "10": 1, "2": 2, "__proto__": {"x": 12345678901234567890}}',
    );
    expect((await mount.ask("GET a/c")).status).toBe(404);
  });

  it("lists, and removes for good", async () => {
    const mount = await plainMount(["POST a/b", { v: 1 }], ["POST a", { v: 2 }]);
    expect(await mount.data("LIST ")).toEqual({ keys: ["a", "a/"] });
    expect((await mount.ask("DELETE a/b")).status).toBe(204);
    expect((await mount.ask("DELETE a/b")).status).toBe(204);
    expect((await mount.ask("LIST a/")).status).toBe(404);
  });

  it("refuses what is no secret", async () => {
    const mount = new KvMount("1");
    expect(await mount.ask("POST a")).toMatchObject({ status: 400, error: "missing data fields" });
    expect(await mount.ask("POST a", {})).toMatchObject({ status: 400, error: "missing data fields" });
    expect((await mount.ask("PATCH a", { v: 1 })).status).toBe(405);
    expect((await mount.ask("POST a", { v: "x".repeat(1024 * 1024) })).status).toBe(413);
  });
});

describe("a mount that is upgraded", () => {
  it("has each secret as its version 1, without rewriting a row", async () => {
    const mount = await plainMount(["POST a/b", { v: 1 }], ["POST c", { v: 2 }]);
    const rows = mount.storage.rows.size;
    mount.tune("2");
    expect(mount.storage.rows.size).toBe(rows);
    expect(await mount.data("GET data/a/b")).toEqual({ data: { v: 1 }, metadata: versionReply(1) });
    expect(await mount.data("GET metadata/c")).toMatchObject({ current_version: 1, created_time: NOON });
    expect(await mount.data("LIST metadata/")).toEqual({ keys: ["a/", "c"] });
  });

  it("goes on from there: next versions, lists of both kinds, the end of the first one's data", async () => {
    const mount = await plainMount(["POST a", { v: 1 }], ["POST b", { v: 1 }], ["POST c", { v: 1 }]);
    mount.tune("2");
    expect(await mount.ask("POST data/a", { options: { cas: 0 }, data: { v: 2 } })).toMatchObject({ status: 400 });
    await mount.ask("POST data/a", { options: { cas: 1 }, data: { v: 2 } });
    await mount.ask("POST data/d", { data: { v: 1 } });
    expect(await mount.data("GET data/a", undefined, { version: "1" })).toMatchObject({ data: { v: 1 } });
    expect(await mount.data("GET data/a")).toMatchObject({ data: { v: 2 } });
    expect(await mount.data("LIST metadata/")).toEqual({ keys: ["a", "b", "c", "d"] });
    expect(await mount.data("LIST metadata/", undefined, { after: "a", limit: "2" })).toEqual({ keys: ["b", "c"] });
    await mount.ask("POST destroy/b", { versions: [1] });
    expect(await mount.ask("GET data/b")).toMatchObject({ status: 404 });
    await mount.ask("DELETE metadata/c");
    expect(await mount.data("LIST metadata/")).toEqual({ keys: ["a", "b", "d"] });
    expect([...mount.storage.rows.keys()].filter((row) => row.startsWith("plain/"))).toEqual(["plain/a"]);
    for (let i = 0; i < 10; i++) await mount.ask("POST data/a", { data: { v: i } });
    expect([...mount.storage.rows.keys()].some((row) => row.startsWith("plain/"))).toBe(false);
  });

  it("cannot go back", async () => {
    const mount = new KvMount("2");
    expect(() => mount.tune("1")).toThrow(/downgrade/);
  });
});
