/** Users with names and passwords, which are kept here as slow hashes. */
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
import { grantOf, policyNames } from "../common/token-settings.ts";
import { pathLogin } from "./path-login.ts";
import { pathUserPassword, pathUserPolicies } from "./path-user-password.ts";
import { pathUsers, pathUsersList } from "./path-users.ts";
import { readUser } from "./user-entry.ts";

const userpass: Backend = defineBackend({
  type: "userpass",
  help: 'The "userpass" method lets users log in with a name and a password.',
  paths: [pathUsersList, pathUsers, pathUserPassword, pathUserPolicies, pathLogin],
  renewLogin,
  lockedNames,
  unlock: (context, name) => unlock(context.storage, name),
});

export const userpassFactory: BackendFactory = { type: "userpass", category: "auth", create: () => userpass };

function renewLogin(context: RequestContext, login: HeldLogin): TokenGrant {
  const name = login.internal["name"] as string;
  const user = readUser(context.storage, name);
  if (user === undefined)
    throw new LogicalError("invalid_request", "the user is gone, so its token is not renewed", { fromState: true });
  if (
    String(policyNames(login.policies.filter((policy) => policy !== "default"))) !==
    String(user.token.policies.filter((policy) => policy !== "default"))
  ) {
    throw new LogicalError("invalid_request", "policies have changed, not renewing", { fromState: true });
  }
  const metadata = new Map([["username", name]]);
  return grantOf(user.token, { displayName: name, aliasName: name, metadata, internal: login.internal });
}
