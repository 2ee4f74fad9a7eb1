import { describe, expect, it } from "vitest";
import { KvMount, mountWith } from "./testing/kv-mount.ts";

describe("config", () => {
  it("begins with Vault's defaults", async () => {
    expect(await new KvMount().ask("GET config")).toEqual({
      status: 200,
      text: '{"cas_required":false,"delete_version_after":"0s","max_versions":0}',
      warnings: [],
    });
  });

  it("changes what is given and keeps the rest", async () => {
    const mount = await mountWith(["POST config", { max_versions: 5, delete_version_after: "3h25m19s" }]);
    expect(await mount.ask("POST config", { cas_required: "true" })).toMatchObject({ status: 204 });
    expect(await mount.data("GET config")).toEqual({
      cas_required: true,
      delete_version_after: "3h25m19s",
      max_versions: 5,
    });
  });

  it("shows a negative delete_version_after as disabled, and zero clears it", async () => {
    const mount = await mountWith(["POST config", { delete_version_after: "-3h" }]);
    expect(await mount.data("GET config")).toMatchObject({ delete_version_after: "-1s" });
    await mount.ask("POST config", { delete_version_after: 0 });
    expect(await mount.data("GET config")).toMatchObject({ delete_version_after: "0s" });
  });

  it("does nothing when nothing is recognised, and says so", async () => {
    const mount = new KvMount();
    expect(await mount.ask("POST config", {})).toMatchObject({ status: 204 });
    expect(await mount.ask("POST config", { max_version: 3 })).toMatchObject({
      status: 200,
      warnings: ["Endpoint ignored these unrecognized parameters: [max_version]"],
    });
    expect(mount.storage.rows.size).toBe(0);
  });

  it.each([{ max_versions: -1 }, { max_versions: 4001 }, { max_versions: "many" }, { cas_required: "maybe" }])(
    "refuses %j",
    async (body) => {
      expect(await new KvMount().ask("POST config", body)).toMatchObject({ status: 400 });
    },
  );
});
