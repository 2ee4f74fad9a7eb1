import { backendSuite } from "@strongroom/logical/testing";
import { kvFactory } from "@strongroom/secrets";
import { describe, expect, it } from "vitest";
import { TestNode } from "../testing/test-node.ts";

/** What the contract's suite asks of declarations; samples need a request's context, and are the other tests of these files. */
describe.each([0, 1])("the server's own backend %i", (which) => {
  const made = new TestNode([kvFactory], { background: false }).core.systems[which];
  for (const { name, run } of made === undefined ? [] : backendSuite({ backend: made.backend, samples: [] })) {
    it(name, run);
  }
});

describe("the server's own endpoints", () => {
  it("warn of parameters that they do not know, and of those that the path has said", async () => {
    const node = new TestNode([kvFactory]);
    await node.initialize();
    const body = { type: "kv-v2", path: "other", strange: 1, constructor: 2 };
    expect(await node.call("update", "sys/mounts/kv", { body })).toMatchObject({
      warnings: [
        "Endpoint ignored these unrecognized parameters: [constructor strange]",
        "Endpoint replaced the value of these parameters with the values captured from the endpoint's path: [path]",
      ],
    });
    const made = await node.call("update", "auth/token/create", { body: { ttl: "1h", strange: 1 } });
    expect(made).toMatchObject({ warnings: ["Endpoint ignored these unrecognized parameters: [strange]"] });
    const looked = await node.call("update", "sys/leases/tidy", { body: { strange: 1 } });
    expect(looked.kind === "data" ? looked.warnings : []).toContain(
      "Endpoint ignored these unrecognized parameters: [strange]",
    );
  });
});
