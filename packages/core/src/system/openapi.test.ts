import { kvFactory } from "@strongroom/secrets";
import { beforeEach, describe, expect, it } from "vitest";
import { bodyOf, TestNode } from "../testing/test-node.ts";
import { wireCode } from "../testing/wire-code.ts";

interface Parameter {
  readonly name: string;
  readonly in: string;
}
type Item = Readonly<Record<string, unknown>> & { readonly parameters?: readonly Parameter[] };
interface Document {
  readonly openapi: string;
  readonly info: { readonly title: string };
  readonly paths: Readonly<Record<string, Item>>;
}

let node: TestNode;

beforeEach(async () => {
  node = new TestNode([kvFactory]);
  await node.initialize();
  await node.call("update", "sys/mounts/team/kv", { body: { type: "kv", options: { version: "2" } } });
  await node.call("update", "sys/mounts/open", { body: { type: "kv-v2", config: { listing_visibility: "unauth" } } });
});

const PATH = "sys/internal/specs/openapi";
const document = async (options: Parameters<TestNode["call"]>[2] = {}, operation: "read" | "update" = "read") =>
  bodyOf(await node.call(operation, PATH, options)) as Document;

/** A token with one policy. */
async function tokenOf(policy: string): Promise<string> {
  await node.call("update", "sys/policies/acl/p", { body: { policy } });
  const made = await node.call("update", "auth/token/create", { body: { policies: ["p"], no_default_policy: true } });
  if (made.kind !== "data" || made.auth === undefined) throw new Error("no token was made");
  return Buffer.from(made.auth.clientToken).toString("latin1");
}

describe("the OpenAPI document", () => {
  it("tells of every path of every backend, sys and tokens included, with all parameters declared", async () => {
    const { openapi, paths } = await document();
    expect(openapi).toBe("3.0.2");
    expect(Object.keys(paths)).toEqual(
      expect.arrayContaining([
        "/auth/token/create",
        "/open/data/{path}",
        "/sys/auth/{path}/tune",
        "/sys/internal/specs/openapi",
        "/sys/leases/lookup/{prefix}",
        "/team/kv/metadata/{path}",
      ]),
    );
    for (const [path, item] of Object.entries(paths)) {
      const wanted = [...path.matchAll(/\{([a-z_]+)\}/g)].map(([, name]) => name);
      const declared = (item.parameters ?? []).filter((parameter) => parameter.in === "path").map(({ name }) => name);
      expect(new Set(declared), path).toEqual(new Set(wanted));
      const verbs = ["get", "post", "patch", "delete"].filter((verb) => verb in item);
      expect(verbs.length, path).toBeGreaterThan(0);
    }
  });

  it("says what needs no token and what needs sudo", async () => {
    const { paths } = await document();
    expect(paths["/sys/health"]).toMatchObject({ "x-vault-unauthenticated": true });
    expect(paths["/sys/remount"]).toMatchObject({ "x-vault-sudo": true });
    expect(paths["/sys/mounts"]).not.toHaveProperty("x-vault-sudo");
  });

  it("is the same for POST, and can name mounts by parameters", async () => {
    expect(await document({ body: {} }, "update")).toEqual(await document());
    const generic = await document({ body: { generic_mount_paths: true } }, "update");
    const item = generic.paths["/{kv_mount_path}/data/{path}"];
    expect(item?.parameters?.map(({ name }) => name)).toEqual(["path", "kv_mount_path"]);
    expect(generic.paths["/team/kv/data/{path}"]).toBeUndefined();
  });

  it("tells nobody of mounts that it may not know", async () => {
    const open = Object.keys((await document({ token: null })).paths);
    expect([open.length > 0, open.filter((path) => !path.startsWith("/open/"))]).toEqual([true, []]);
    const token = await tokenOf('path "team/kv/data/x" { capabilities = ["read"] }');
    const seen = Object.keys((await document({ token })).paths).map((path) => path.split("/")[1]);
    expect(new Set(seen)).toEqual(new Set(["open", "team"]));
    expect(await wireCode(node.call("read", PATH, { token: "hvs.none" }))).toBe("permission_denied: permission denied");
  });
});

describe("sys/internal/ui/mounts", () => {
  it("shows those without a token what is tuned for everybody, and little of it", async () => {
    expect(bodyOf(await node.call("read", "sys/internal/ui/mounts", { token: null }))).toEqual({
      auth: {},
      secret: { "open/": { description: "", options: { version: "2" }, type: "kv" } },
    });
  });

  it("shows a token what it may use besides", async () => {
    const token = await tokenOf('path "team/kv/data/x" { capabilities = ["read"] }');
    const seen = bodyOf(await node.call("read", "sys/internal/ui/mounts", { token })) as {
      secret: Record<string, { uuid: string }>;
    };
    expect(Object.keys(seen.secret)).toEqual(["open/", "team/kv/"]);
    expect(seen.secret["team/kv/"]?.uuid).toMatch(/^[0-9a-f-]{36}$/);
    expect(await wireCode(node.call("read", "sys/internal/ui/mounts", { token: "hvs.none" }))).toMatch(
      /^permission_denied/,
    );
  });
});
