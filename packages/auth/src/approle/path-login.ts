/** `login`: a role's id and one of its secret ids for a token. A use is taken by the very command that makes the token. */
import {
  definePath,
  LogicalError,
  type LogicalRequest,
  type LogicalResponse,
  Networks,
  type PathDefinition,
  type RequestContext,
} from "@strongroom/logical";
import { Lockout } from "../common/lockout.ts";
import { grantOf } from "../common/token-settings.ts";
import { findRole, type RoleEntry } from "./role-entry.ts";
import {
  deleteSecretId,
  hashSecretId,
  isExpired,
  readSecretId,
  rewriteSecretId,
  type SecretIdEntry,
} from "./secret-id-entry.ts";

export const pathLogin: PathDefinition = definePath({
  pattern: "login",
  fields: {
    role_id: { type: "string", description: "The role's id.", default: "" },
    secret_id: { type: "string", description: "One of its secret ids.", default: "" },
  },
  access: "login",
  operations: {
    update: {
      summary: "Log in.",
      handler: (context, request, fields) =>
        login(context, request, fields.get("role_id").trim(), fields.get("secret_id").trim()),
    },
  },
  synopsis: "Log in with a role's id and a secret id.",
  description: "Too many wrong secret ids in a row lock the role out for a while.",
});

function login(context: RequestContext, request: LogicalRequest, roleId: string, secretId: string): LogicalResponse {
  if (roleId === "") throw new LogicalError("invalid_request", "missing role_id");
  const found = findRole(context.storage, roleId);
  const lockout = new Lockout(context, found?.name ?? roleId, found !== undefined);
  lockout.check();
  const refusal = (text: string): LogicalResponse => {
    lockout.failed(context.storage);
    return { kind: "refusal", error: new LogicalError("invalid_request", text) };
  };
  if (found === undefined) {
    // As for a role that is there and asks for one.
    if (secretId === "") throw missingSecretId();
    return refusal("invalid role or secret ID");
  }
  const { name, role } = found;
  if (!admits(role.secretIdBoundCidrs, request)) return refusal(unauthorized(request));
  if (!role.bindSecretId) return grant(context, { name, role, roleId, secret: undefined }, lockout);
  if (secretId === "") throw missingSecretId();
  const hash = hashSecretId(context.storage, role, secretId);
  const secret = readSecretId(context.storage, role, hash);
  if (secret === undefined || isExpired(secret, context.nowMs)) return refusal("invalid role or secret ID");
  if (!admits(secret.cidrList, request)) return refusal(unauthorized(request));
  takeUse(context, role, hash, secret);
  return grant(context, { name, role, roleId, secret }, lockout);
}

function missingSecretId(): LogicalError {
  return new LogicalError("invalid_request", "missing secret_id");
}

/** The last one ends the secret id. */
function takeUse({ storage, nowMs }: RequestContext, role: RoleEntry, hash: string, secret: SecretIdEntry): void {
  if (secret.numUses === 0) return;
  if (secret.numUses === 1) deleteSecretId(storage, role, hash, secret);
  else
    rewriteSecretId(storage, role, hash, { ...secret, numUses: secret.numUses - 1, lastUpdatedMs: Math.floor(nowMs) });
}

function grant(
  { storage }: RequestContext,
  who: {
    readonly name: string;
    readonly role: RoleEntry;
    readonly roleId: string;
    readonly secret: SecretIdEntry | undefined;
  },
  lockout: Lockout,
): LogicalResponse {
  const { name, role, roleId, secret } = who;
  lockout.succeeded(storage);
  const metadata = new Map([...Object.entries(secret?.metadata ?? {}), ["role_name", name]]);
  const granted = grantOf(role.token, {
    displayName: "",
    aliasName: roleId,
    metadata,
    internal: { name, number: role.number },
  });
  const bound = secret?.tokenBoundCidrs ?? [];
  return { kind: "auth", grant: bound.length === 0 ? granted : { ...granted, boundCidrs: bound } };
}

function admits(cidrs: readonly string[], { remoteAddress }: LogicalRequest): boolean {
  return Networks.parse(cidrs)?.admit(remoteAddress) === true;
}

function unauthorized({ remoteAddress }: LogicalRequest): string {
  return `source address "${remoteAddress}" unauthorized by CIDR restrictions on the secret ID`;
}
