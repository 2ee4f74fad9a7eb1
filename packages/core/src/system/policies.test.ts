import { beforeEach, describe, expect, it } from "vitest";
import { bodyOf, TestNode } from "../testing/test-node.ts";

const APP = 'path "secret/data/app/*" {\n  capabilities = ["read"]\n}\n';

let node: TestNode;

beforeEach(async () => {
  node = new TestNode([]);
  await node.initialize();
});

const put = (name: string, policy: string): Promise<unknown> =>
  node.call("update", `sys/policies/acl/${name}`, { body: { policy } });

describe("sys/policies/acl", () => {
  it("writes, reads, lists and deletes", async () => {
    await put("App", APP);
    expect(bodyOf(await node.call("read", "sys/policies/acl/app"))).toEqual({ name: "app", policy: APP });
    expect(bodyOf(await node.call("list", "sys/policies/acl/"))).toEqual({ keys: ["app", "default", "root"] });
    await node.call("delete", "sys/policies/acl/APP");
    expect((await node.call("read", "sys/policies/acl/app")).kind).toBe("not-found");
    expect((await node.call("delete", "sys/policies/acl/app")).kind).toBe("empty");
  });
});
