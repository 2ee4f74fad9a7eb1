import { LogicalError, parseJson } from "@strongroom/logical";
import { utf8 } from "@strongroom/runtime";
import { describe, expect, it } from "vitest";
import { DEFAULT_CONFIG } from "./config.ts";
import { newKeyMetadata } from "./key-metadata.ts";
import { mountWith, PUT_ONE } from "./testing/kv-mount.ts";
import { checkAndSet } from "./write-version.ts";

/** Code and `fromState` of the refusal. */
function refusal(options: string, casRequired: boolean): unknown {
  try {
    const config = { ...DEFAULT_CONFIG, casRequired };
    checkAndSet(parseJson(utf8(options)).root, config, { ...newKeyMetadata(0), currentVersion: 3 });
    return undefined;
  } catch (thrown) {
    return thrown instanceof LogicalError ? [thrown.code, thrown.fromState] : thrown;
  }
}

describe("checkAndSet", () => {
  it("says which refusals rest on state that may be stale", () => {
    expect(refusal('{"cas":2}', false)).toEqual(["check_and_set_mismatch", true]);
    expect(refusal("{}", true)).toEqual(["check_and_set_required", true]);
    expect(refusal('{"cas":"x"}', false)).toEqual(["invalid_request", false]);
    expect(refusal('{"cas":3}', true)).toBeUndefined();
  });
});

describe("check-and-set", () => {
  const cas = (number: unknown) => ["POST data/foo", { options: { cas: number }, data: {} }] as const;

  it("takes 0 for a secret that has no versions, and only then", async () => {
    const mount = await mountWith(["POST metadata/foo", {}], cas(0));
    expect(await mount.ask(...cas(0))).toMatchObject({ status: 400 });
    expect(await mount.ask(...cas("1"))).toMatchObject({ status: 200 });
    expect(await mount.ask(...cas(2))).toMatchObject({ status: 200 });
  });

  it("counts a deleted or destroyed current version", async () => {
    const mount = await mountWith([...PUT_ONE], ["DELETE data/foo"]);
    expect(await mount.ask(...cas(0))).toMatchObject({ status: 400 });
    expect(await mount.ask(...cas(1))).toMatchObject({ status: 200 });
    await mount.ask("POST destroy/foo", { versions: [2] });
    expect(await mount.ask(...cas(2))).toMatchObject({ status: 200 });
  });

  it.each([
    ["the mount", "POST config"],
    ["the key", "POST metadata/foo"],
  ])("is demanded where %s requires it", async (_who, request) => {
    const mount = await mountWith([request, { cas_required: true }]);
    expect(await mount.ask(...PUT_ONE)).toMatchObject({
      status: 400,
      error: "check-and-set parameter required for this call",
    });
    expect(await mount.ask(...cas(0))).toMatchObject({ status: 200 });
    expect(await mount.ask("PATCH data/foo", { data: {} })).toMatchObject({
      status: 400,
      error: "check-and-set parameter required for this call",
    });
    expect(await mount.ask("PATCH data/foo", { options: { cas: 1 }, data: {} })).toMatchObject({ status: 200 });
  });
});
