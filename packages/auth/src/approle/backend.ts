/** Machines that log in as a role, with the role's id and a secret id. */
import {
  type Backend,
  type BackendFactory,
  defineBackend,
  type HeldLogin,
  LogicalError,
  type RequestContext,
  type TokenGrant,
} from "@strongroom/logical";
import { lockedNames, unlock } from "../common/lockout.ts";
import { grantOf } from "../common/token-settings.ts";
import { pathLogin } from "./path-login.ts";
import { pathRole, pathRoleId, pathRoleList } from "./path-role.ts";
import { pathLocalSecretIds, rolesSettings } from "./path-role-setting.ts";
import { pathCustomSecretId, pathSecretId } from "./path-secret-id.ts";
import { secretIdPaths } from "./path-secret-id-lookup.ts";
import { pathTidy } from "./path-tidy.ts";
import { readRole } from "./role-entry.ts";
import { createHmacKey } from "./secret-id-entry.ts";

const approle: Backend = defineBackend({
  type: "approle",
  help: 'The "approle" method lets machines log in with a role\'s id and one of its secret ids.',
  paths: [
    pathLogin,
    pathRoleList,
    pathRole,
    pathRoleId,
    ...rolesSettings,
    pathLocalSecretIds,
    pathSecretId,
    pathCustomSecretId,
    ...secretIdPaths,
    pathTidy,
  ],
  initialize: createHmacKey,
  renewLogin,
  lockedNames,
  unlock: (context, name) => unlock(context.storage, name),
});

export const approleFactory: BackendFactory = { type: "approle", category: "auth", create: () => approle };

/** Throws `LogicalError` when the role is gone, also if another one has its name now. */
function renewLogin(context: RequestContext, login: HeldLogin): TokenGrant {
  const name = login.internal["name"] as string;
  const role = readRole(context.storage, name);
  if (role === undefined || role.number !== login.internal["number"]) {
    throw new LogicalError("invalid_request", `role ${name} does not exist during renewal`, { fromState: true });
  }
  return grantOf(role.token, {
    displayName: login.displayName,
    aliasName: role.roleId,
    metadata: login.metadata,
    internal: login.internal,
  });
}
