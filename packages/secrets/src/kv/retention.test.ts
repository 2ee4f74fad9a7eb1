import { describe, expect, it } from "vitest";
import { KvMount, mountWith, PUT_ONE, START_MS, versionReply } from "./testing/kv-mount.ts";

describe("versions", () => {
  it("keeps ten by default and drops the data of older ones", async () => {
    const mount = new KvMount();
    for (let i = 1; i <= 12; i++) await mount.ask("POST data/foo", { data: { i } });
    expect(await mount.data("GET metadata/foo")).toMatchObject({ current_version: 12, oldest_version: 3 });
    expect(await mount.ask("GET data/foo", undefined, { version: "2" })).toMatchObject({ status: 404, text: "" });
    expect(await mount.data("GET data/foo", undefined, { version: "3" })).toMatchObject({ data: { i: 3 } });
    expect([...mount.storage.rows.keys()].filter((path) => path.startsWith("versions/foo/"))).toHaveLength(10);
  });

  it("counts oldest_version from 0 until it drops one, as Vault does", async () => {
    const mount = await mountWith(["POST metadata/foo", { max_versions: 2 }], [...PUT_ONE]);
    const oldest = async () => (await mount.data("GET metadata/foo")) as { oldest_version: number };
    expect((await oldest()).oldest_version).toBe(0);
    await mount.ask(...PUT_ONE);
    expect((await oldest()).oldest_version).toBe(1);
    await mount.ask(...PUT_ONE);
    expect((await oldest()).oldest_version).toBe(2);
  });

  it.each([
    [3, 0, 3],
    [0, 2, 2],
    [5, 2, 5],
    [2, 4, 4],
  ])("with %i of the mount and %i of the key keeps the greater", async (ofMount, ofKey, kept) => {
    const mount = await mountWith(
      ["POST config", { max_versions: ofMount }],
      ["POST metadata/foo", { max_versions: ofKey }],
    );
    for (let i = 1; i <= 8; i++) await mount.ask(...PUT_ONE);
    const { versions } = (await mount.data("GET metadata/foo")) as { versions: object };
    expect(Object.keys(versions)).toHaveLength(kept);
  });

  it("drops at the next write what a lowered setting no longer keeps", async () => {
    const mount = new KvMount();
    for (let i = 1; i <= 8; i++) await mount.ask(...PUT_ONE);
    await mount.ask("POST config", { max_versions: 2 });
    expect(await mount.ask("GET data/foo", undefined, { version: "1" })).toMatchObject({ status: 200 });
    await mount.ask(...PUT_ONE);
    expect(await mount.data("GET metadata/foo")).toMatchObject({ current_version: 9, oldest_version: 8 });
    expect([...mount.storage.rows.keys()].sort()).toEqual([
      "config",
      "metadata/foo",
      "versions/foo/8",
      "versions/foo/9",
    ]);
  });
});

describe("delete_version_after", () => {
  it.each([
    ["1h", "0s", "2030-01-01T13:00:00Z"],
    ["0s", "2h", "2030-01-01T14:00:00Z"],
    ["1h", "2h", "2030-01-01T13:00:00Z"],
    ["2h", "1h", "2030-01-01T13:00:00Z"],
    ["-1s", "1h", ""],
    ["0s", "0s", ""],
  ])("with %s of the mount and %s of the key deletes at %j", async (ofMount, ofKey, deletionTime) => {
    const mount = await mountWith(
      ["POST config", { delete_version_after: ofMount }],
      ["POST metadata/foo", { delete_version_after: ofKey }],
    );
    expect(await mount.data(...PUT_ONE)).toEqual(versionReply(1, { deletion_time: deletionTime }));
  });

  it("reads normally until its time, is a 404 with metadata from then on, and undelete begins the time again", async () => {
    const mount = await mountWith(["POST config", { delete_version_after: "1h" }], [...PUT_ONE]);
    mount.nowMs = START_MS + 3_599_999;
    expect(await mount.ask("GET data/foo")).toMatchObject({ status: 200 });
    mount.nowMs++;
    expect(await mount.ask("GET data/foo")).toMatchObject({
      status: 404,
      text: expect.stringContaining('"data":null'),
    });
    await mount.ask("POST undelete/foo", { versions: [1] });
    expect(await mount.data("GET data/foo")).toMatchObject({ metadata: { deletion_time: "2030-01-01T14:00:00Z" } });
  });

  it("of a key is not negative", async () => {
    expect(await new KvMount().ask("POST metadata/foo", { delete_version_after: "-1s" })).toMatchObject({
      status: 400,
    });
  });
});
