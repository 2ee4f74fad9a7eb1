import { LogicalError, parseJson } from "@strongroom/logical";
import { utf8 } from "@strongroom/runtime";
import { describe, expect, it } from "vitest";
import { DEFAULT_CONFIG } from "./config.ts";
import { newKeyMetadata } from "./key-metadata.ts";
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
