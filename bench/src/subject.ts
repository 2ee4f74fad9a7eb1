/** A server, or a cluster of them, under load. */
export interface Subject {
  readonly name: string;
  /** `https://host:port`, one a node. */
  readonly targets: readonly string[];
  /** Of all its processes. */
  pids(): readonly number[];
  /** A token with one policy, which allows what the benchmark does. */
  readonly token: string;
  readonly roleId: string;
  readonly secretId: string;
  close(): Promise<void>;
}

/** What the benchmark's token and role may do. */
const POLICY = `path "secret/data/*" { capabilities = ["create", "read", "update"] }
path "auth/token/create" { capabilities = ["update"] }`;

export type Call = (method: "GET" | "POST", path: string, body?: object) => Promise<Readonly<Record<string, unknown>>>;

/** KV, an audit file, a policy, a token and a role that has it; the same requests for every subject. */
export async function prepare(
  call: Call,
  auditFile: string | undefined,
): Promise<Pick<Subject, "token" | "roleId" | "secretId">> {
  if (auditFile !== undefined) {
    await call("POST", "sys/audit/file", { type: "file", options: { file_path: auditFile } });
  }
  await call("POST", "sys/policies/acl/bench", { policy: POLICY });
  await call("POST", "sys/auth/approle", { type: "approle" });
  await call("POST", "auth/approle/role/bench", { token_policies: ["bench"], token_ttl: "1h" });
  const role = await call("GET", "auth/approle/role/bench/role-id");
  const secret = await call("POST", "auth/approle/role/bench/secret-id", {});
  const made = await call("POST", "auth/token/create", { policies: ["bench"], ttl: "24h" });
  const dataOf = (answer: Readonly<Record<string, unknown>>) => answer["data"] as Readonly<Record<string, string>>;
  const auth = made["auth"] as Readonly<Record<string, string>>;
  return {
    token: String(auth["client_token"]),
    roleId: String(dataOf(role)["role_id"]),
    secretId: String(dataOf(secret)["secret_id"]),
  };
}
