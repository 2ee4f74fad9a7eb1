/**
 * Clients that others wrote for Vault, unchanged, against each node of a cluster: what they do with KV, AppRole, tokens and
 * policies works, whichever node they are given.
 */
import { readFileSync } from "node:fs";
import type { LocalCluster, LocalNode } from "@strongroom/cli";
import HashiVault from "hashi-vault-js";
import nodeVault from "node-vault";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { threeNodes } from "./three-nodes.ts";

let cluster: LocalCluster;

threeNodes((up) => {
  cluster = up;
});

const POLICY = 'path "secret/data/*" { capabilities = ["create", "read"] }';

const nodeAt = (index: number): LocalNode => cluster.nodes[index] as LocalNode;

/** What is looked at of the answers, which the clients' own types leave open. */
interface Answer {
  readonly data: Answer;
  readonly auth: Answer;
  readonly keys: Answer;
  readonly policies: Answer;
  readonly rules: string;
  readonly id: string;
  readonly accessor: string;
  readonly client_token: string;
  readonly role_id: string;
  readonly secret_id: string;
  readonly lease_duration: number;
}

type Method = (...given: readonly unknown[]) => Promise<Answer>;
type Client<Names extends string> = { readonly [Name in Names]: Method };

type NodeVault = Client<
  | "health"
  | "write"
  | "read"
  | "list"
  | "delete"
  | "addPolicy"
  | "policies"
  | "getPolicy"
  | "mount"
  | "mounts"
  | "unmount"
  | "enableAuth"
  | "disableAuth"
  | "addApproleRole"
  | "getApproleRoleId"
  | "getApproleRoleSecret"
  | "approleLogin"
  | "tokenCreate"
  | "tokenLookupSelf"
  | "tokenLookupAccessor"
  | "tokenRenewSelf"
  | "tokenRevoke"
>;

type HashiVaultJs = Client<
  | "createKVSecret"
  | "updateKVSecret"
  | "readKVSecret"
  | "listKVSecrets"
  | "createUserpassUser"
  | "loginWithUserpass"
  | "createToken"
  | "lookupSelfToken"
  | "sysCapabilitiesSelf"
  | "revokeSelfToken"
>;

describe.each([0, 1, 2])("node-vault at node %i", (index) => {
  const client = (token: string): NodeVault =>
    nodeVault({
      endpoint: nodeAt(index).apiAddress,
      token,
      requestOptions: { ca: readFileSync(cluster.caCertificateFile) },
    }) as unknown as NodeVault;

  it("reads and writes, lists and deletes", async () => {
    const vault = client(cluster.rootToken);
    expect(await vault.health()).toMatchObject({ initialized: true, sealed: false });
    await vault.write(`secret/data/node-vault-${index}`, { data: { a: 1 } });
    expect((await vault.read(`secret/data/node-vault-${index}`)).data.data).toEqual({ a: 1 });
    expect((await vault.list("secret/metadata")).data.keys).toContain(`node-vault-${index}`);
    await vault.delete(`secret/data/node-vault-${index}`);
    await expect(vault.read(`secret/data/node-vault-${index}`)).rejects.toMatchObject({
      response: { statusCode: 404 },
    });
  });

  it("manages policies and mounts", async () => {
    const vault = client(cluster.rootToken);
    await vault.addPolicy({ name: `nv-${index}`, rules: POLICY });
    expect((await vault.policies()).policies).toContain(`nv-${index}`);
    expect((await vault.getPolicy({ name: `nv-${index}` })).rules).toBe(POLICY);
    await vault.mount({ mount_point: `nv-${index}`, type: "kv", description: "x" });
    expect(await vault.mounts()).toHaveProperty([`nv-${index}/`]);
    await vault.write(`nv-${index}/plain`, { v: "1" });
    expect((await vault.read(`nv-${index}/plain`)).data).toEqual({ v: "1" });
    await vault.unmount({ mount_point: `nv-${index}` });
    expect(await vault.mounts()).not.toHaveProperty([`nv-${index}/`]);
  });

  it("logs in by AppRole with a secret id, and may what the role's policies say", async () => {
    const vault = client(cluster.rootToken);
    const mount = `approle-${index}`;
    await vault.addPolicy({ name: `nv-${index}`, rules: POLICY });
    await vault.enableAuth({ mount_point: mount, type: "approle" });
    await vault.addApproleRole({ mount_point: mount, role_name: "app", policies: `nv-${index}` });
    const { role_id } = (await vault.getApproleRoleId({ mount_point: mount, role_name: "app" })).data;
    const { secret_id } = (await vault.getApproleRoleSecret({ mount_point: mount, role_name: "app" })).data;
    const anonymous = client("");
    const { auth } = await anonymous.approleLogin({ mount_point: mount, role_id, secret_id });
    const app = client(auth.client_token);
    await app.write(`secret/data/app-${index}`, { data: { by: "app" } });
    expect((await app.read(`secret/data/app-${index}`)).data.data).toEqual({ by: "app" });
    await expect(app.delete(`secret/data/app-${index}`)).rejects.toMatchObject({ response: { statusCode: 403 } });
    await vault.disableAuth({ mount_point: mount });
    await expect(app.read(`secret/data/app-${index}`)).rejects.toMatchObject({ response: { statusCode: 403 } });
  });

  it("makes, looks up, renews and revokes tokens", async () => {
    const vault = client(cluster.rootToken);
    // This client goes on with what it was given.
    const { auth } = await client(cluster.rootToken).tokenCreate({
      policies: ["default"],
      ttl: "1h",
      meta: { who: "ci" },
    });
    const own = client(auth.client_token);
    expect((await own.tokenLookupSelf()).data).toMatchObject({ meta: { who: "ci" }, policies: ["default"] });
    expect((await own.tokenRenewSelf({ increment: "30m" })).auth.lease_duration).toBe(1800);
    expect((await vault.tokenLookupAccessor({ accessor: auth.accessor })).data.id).toBe("");
    await vault.tokenRevoke({ token: auth.client_token });
    await expect(own.tokenLookupSelf()).rejects.toMatchObject({ response: { statusCode: 403 } });
  });
});

describe.each([0, 1, 2])("hashi-vault-js at node %i", (index) => {
  // It prints every answer that is an error, whole.
  beforeEach(() => {
    for (const method of ["error", "log"] as const) vi.spyOn(console, method).mockReturnValue();
  });

  afterEach(() => {
    vi.restoreAllMocks();
  });

  const client = (): HashiVaultJs =>
    new HashiVault({
      https: true,
      baseUrl: `${nodeAt(index).apiAddress}/v1`,
      rootPath: "secret",
      cacert: cluster.caCertificateFile,
      timeout: 20_000,
    }) as unknown as HashiVaultJs;

  it("reads and writes KV, with check and set", async () => {
    const vault = client();
    const token = cluster.rootToken;
    const name = `hvjs-${index}`;
    expect(await vault.createKVSecret(token, name, { a: "1" }, "secret")).toMatchObject({ version: 1 });
    expect(await vault.updateKVSecret(token, name, { a: "2" }, 1, "secret")).toMatchObject({ version: 2 });
    await expect(vault.updateKVSecret(token, name, { a: "3" }, 1, "secret")).rejects.toMatchObject({
      isVaultError: true,
    });
    expect(await vault.readKVSecret(token, name, 1, "secret")).toMatchObject({ data: { a: "1" } });
    expect((await vault.listKVSecrets(token, "", "secret")).keys).toContain(name);
  });

  it("logs in by name and password, makes tokens, and asks for capabilities", async () => {
    const vault = client();
    const token = cluster.rootToken;
    const mount = `people-${index}`;
    await cluster.request(index, {
      method: "PUT",
      path: `sys/auth/${mount}`,
      body: JSON.stringify({ type: "userpass" }),
    });
    await vault.createUserpassUser(token, "alice", "correct", ["default"], `auth/${mount}`);
    expect(await vault.loginWithUserpass("alice", "correct", `auth/${mount}`)).toMatchObject({ policies: ["default"] });
    await expect(vault.loginWithUserpass("alice", "wrong", `auth/${mount}`)).rejects.toMatchObject({
      isVaultError: true,
    });
    const made = await vault.createToken(token, { policies: ["default"], ttl: "1h", renewable: true });
    expect(await vault.lookupSelfToken(made.client_token)).toMatchObject({ policies: ["default"] });
    expect(await vault.sysCapabilitiesSelf(made.client_token, ["secret/data/x"])).toMatchObject({
      capabilities: ["deny"],
    });
    await vault.revokeSelfToken(made.client_token);
    await expect(vault.lookupSelfToken(made.client_token)).rejects.toMatchObject({ isVaultError: true });
  });
});
