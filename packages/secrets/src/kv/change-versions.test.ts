import { describe, expect, it } from "vitest";
import { KvMount, mountWith, NOON, PUT_ONE, PUT_TWO, versionReply } from "./testing/kv-mount.ts";

describe("delete, undelete, destroy", () => {
  it("DELETE is 204 whatever is there", async () => {
    const mount = new KvMount();
    expect(await mount.ask("DELETE data/foo")).toMatchObject({ status: 204 });
    await mount.ask(...PUT_ONE);
    await mount.ask("DELETE data/foo");
    mount.nowMs += 5000;
    expect(await mount.ask("DELETE data/foo")).toMatchObject({ status: 204 });
    expect(await mount.data("GET data/foo")).toMatchObject({ metadata: { deletion_time: NOON } });
  });

  it.each([
    ["delete", "No version number provided"],
    ["undelete", "No version number provided"],
    ["destroy", "no version number provided"],
  ])("POST %s wants versions", async (endpoint, error) => {
    for (const body of [{}, { versions: [] }, { versions: "" }, { versions: null }]) {
      expect(await new KvMount().ask(`POST ${endpoint}/foo`, body)).toMatchObject({ status: 400, error });
    }
    expect(await new KvMount().ask(`POST ${endpoint}/foo`, { versions: ["x"] })).toMatchObject({ status: 400 });
  });

  it.each([[[1, 2]], [["1", "2"]], ["1,2"]])("take versions as %j", async (versions) => {
    const mount = await mountWith([...PUT_ONE], [...PUT_TWO], ["POST delete/foo", { versions }]);
    expect(await mount.ask("GET data/foo", undefined, { version: "1" })).toMatchObject({ status: 404 });
    await mount.ask("POST undelete/foo", { versions });
    expect(await mount.data("GET data/foo", undefined, { version: "1" })).toMatchObject({ data: { a: 1 } });
    await mount.ask("POST destroy/foo", { versions });
    expect([...mount.storage.rows.keys()]).toEqual(["metadata/foo"]);
  });

  it("are 204 for secrets and versions that are not there", async () => {
    const mount = await mountWith([...PUT_ONE]);
    const before = new Map(mount.storage.rows);
    for (const endpoint of ["delete", "undelete", "destroy"]) {
      expect(await mount.ask(`POST ${endpoint}/bar`, { versions: [1] })).toMatchObject({ status: 204 });
      expect(await mount.ask(`POST ${endpoint}/foo`, { versions: [0, -1, 7] })).toMatchObject({ status: 204 });
    }
    expect(mount.storage.rows).toEqual(before);
  });

  it("cannot undelete what was destroyed, nor delete it anew", async () => {
    const mount = await mountWith([...PUT_ONE], ["POST destroy/foo", { versions: [1] }]);
    await mount.ask("POST undelete/foo", { versions: [1] });
    await mount.ask("POST delete/foo", { versions: [1] });
    expect(await mount.data("GET data/foo")).toEqual({ data: null, metadata: versionReply(1, { destroyed: true }) });
  });
});
