import { kvFactory } from "@strongroom/secrets";
import { beforeEach, describe, expect, it } from "vitest";
import { bodyOf, TestNode } from "../testing/test-node.ts";
import { wireCode } from "../testing/wire-code.ts";

let node: TestNode;

beforeEach(async () => {
  node = new TestNode([kvFactory]);
  await node.initialize();
  await node.call("update", "sys/mounts/secret", { body: { type: "kv", options: { version: "2" } } });
  await node.call("update", "secret/data/a", { body: { data: { v: "before" } } });
});

const value = async (name: string): Promise<unknown> =>
  (bodyOf(await node.call("read", `secret/data/${name}`)) as { data: { v: string } }).data.v;

const start = async (body: object): Promise<string> =>
  (bodyOf(await node.call("update", "sys/rekey/init", { body })) as { nonce: string }).nonce;

const give = async (
  path: "update" | "verify",
  key: string | undefined,
  nonce: string,
): Promise<Record<string, unknown>> =>
  bodyOf(await node.call("update", `sys/rekey/${path}`, { body: { key, nonce }, token: null })) as Record<
    string,
    unknown
  >;

async function unsealWith(keys: readonly string[]): Promise<string> {
  if (!node.barrier.sealed) await node.call("update", "sys/seal");
  let code = "";
  for (const key of keys) code = await wireCode(node.call("update", "sys/unseal", { body: { key } }));
  return code;
}

describe("sys/rekey", () => {
  it("gives new shares, verifies them, and only then makes the old ones wrong; secrets stay", async () => {
    const nonce = await start({ secret_shares: 4, secret_threshold: 3 });
    expect(await give("update", node.unsealKeys[0], nonce)).toMatchObject({
      started: true,
      progress: 1,
      required: 2,
      n: 4,
      t: 3,
    });
    const made = await give("update", node.unsealKeys[2], nonce);
    expect(made).toMatchObject({ complete: true, verification_required: true });
    const keys = made["keys_base64"] as string[];
    expect(keys).toHaveLength(4);
    expect(await unsealWith(node.unsealKeys.slice(0, 2))).toBe("ok");

    const again = await start({ secret_shares: 4, secret_threshold: 3 });
    await give("update", node.unsealKeys[0], again);
    const second = await give("update", node.unsealKeys[1], again);
    const newKeys = second["keys"] as string[];
    const verification = second["verification_nonce"] as string;
    for (const key of newKeys.slice(0, 2)) await give("verify", key, verification);
    expect(await give("verify", newKeys[3], verification)).toEqual({ nonce: verification, complete: true });

    await node.call("update", "secret/data/b", { body: { data: { v: "after" } } });
    expect(await unsealWith(node.unsealKeys.slice(0, 1))).toMatch(/^wrong_share/);
    expect(await unsealWith(newKeys.slice(1))).toBe("ok");
    expect([await value("a"), await value("b")]).toEqual(["before", "after"]);
    expect(bodyOf(await node.call("read", "sys/key-status"))).toMatchObject({ term: 2 });
  });

  it("gives shares that are in force at once when told not to verify", async () => {
    const nonce = await start({ secret_shares: 1, secret_threshold: 1, require_verification: false });
    await give("update", node.unsealKeys[1], nonce);
    const { keys } = (await give("update", node.unsealKeys[0], nonce)) as { keys: string[] };
    expect(await unsealWith(keys)).toBe("ok");
    expect(await value("a")).toBe("before");
  });

  it("takes a sudo token to start and to end, a share's nonce, and settings that make a seal", async () => {
    const body = { secret_shares: 3, secret_threshold: 2 };
    expect(await wireCode(node.call("update", "sys/rekey/init", { body, token: null }))).toMatch(/^permission_denied/);
    expect(await wireCode(node.call("update", "sys/rekey/init", { body: {} }))).toMatch(/^invalid_request/);
    expect(await wireCode(node.call("update", "sys/rekey/init", { body: { ...body, secret_threshold: 4 } }))).toMatch(
      /^invalid_seal_config/,
    );
    expect(await wireCode(node.call("update", "sys/rekey/init", { body: { ...body, backup: true } }))).toMatch(
      /^invalid_request/,
    );
    for (const pgpKeys of ["keybase:me", { a: 1 }, 1, false, ["keybase:me"]]) {
      const named = { ...body, pgp_keys: pgpKeys };
      expect(await wireCode(node.call("update", "sys/rekey/init", { body: named })), JSON.stringify(pgpKeys)).toMatch(
        /^invalid_request: pgp_keys/,
      );
    }
    const key = node.unsealKeys[0];
    const update = (fields: object) => wireCode(node.call("update", "sys/rekey/update", { body: fields, token: null }));
    expect(await update({ key, nonce: "00".repeat(16) })).toMatch(/^ceremony_refused/);
    const nonce = await start(body);
    expect(await update({ key })).toMatch(/^invalid_request: 'nonce'/);
    expect(await update({ nonce })).toMatch(/^invalid_request: 'key'/);
    expect(await update({ key: "zz", nonce })).toMatch(/^invalid_share/);
    expect(await wireCode(node.call("update", "sys/rekey/init", { body }))).toMatch(/^ceremony_refused/);
    expect(await wireCode(node.call("delete", "sys/rekey/init", { token: null }))).toMatch(/^permission_denied/);
    await node.call("delete", "sys/rekey/init");
    expect(bodyOf(await node.call("read", "sys/rekey/init"))).toMatchObject({ started: false, nonce: "" });
  });
});

describe("sys/rotate", () => {
  it("seals new rows under a new key; old ones open, and shares stay the right ones", async () => {
    await node.call("update", "sys/rotate");
    await node.call("update", "secret/data/b", { body: { data: { v: "after" } } });
    expect(bodyOf(await node.call("read", "sys/key-status"))).toMatchObject({ term: 2 });
    expect(await unsealWith(node.unsealKeys.slice(0, 2))).toBe("ok");
    expect([await value("a"), await value("b")]).toEqual(["before", "after"]);
    // OpenBao's name for it.
    await node.call("update", "sys/rotate/keyring");
    expect(bodyOf(await node.call("read", "sys/key-status"))).toMatchObject({ term: 3 });
    for (const path of ["sys/rotate", "sys/rotate/keyring"]) {
      expect(await wireCode(node.call("update", path, { token: null }))).toMatch(/^permission_denied/);
    }
  });
});
