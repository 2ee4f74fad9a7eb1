/** `users/:username/password` and `users/:username/policies`: one setting of a user, to be allowed by itself. */
import {
  definePath,
  type FieldSchemas,
  LogicalError,
  type LogicalStorage,
  type PathDefinition,
} from "@strongroom/logical";
import { nameOf } from "../common/names.ts";
import { policyNames } from "../common/token-settings.ts";
import { givenHash, PASSWORD_FIELD, PASSWORD_HASH_FIELD } from "./password-field.ts";
import { readUser, type UserEntry, writeUser } from "./user-entry.ts";

const USERNAME = { type: "string", description: "The user's name." } as const;

const PASSWORD_FIELDS = {
  username: USERNAME,
  password: PASSWORD_FIELD,
  password_hash: PASSWORD_HASH_FIELD,
} as const satisfies FieldSchemas;

export const pathUserPassword: PathDefinition = definePath({
  pattern: "users/:username/password",
  fields: PASSWORD_FIELDS,
  operations: {
    update: {
      summary: "Set the password.",
      prepare: async ({ kdf }, _request, fields) => {
        const hash = await givenHash(kdf, fields.get("password"), fields.get("password_hash"));
        if (hash === undefined) throw new LogicalError("invalid_request", "missing password");
        return hash;
      },
      handler: (context, _request, fields) => {
        change(context.storage, fields.get("username"), (user) => ({
          ...user,
          passwordHash: String(context.prepared),
        }));
        return { kind: "empty" };
      },
    },
  },
  synopsis: "A user's password.",
  description: "Tokens that were got with the old one live on.",
});

const POLICY_FIELDS = {
  username: USERNAME,
  token_policies: { type: "comma-string-slice", description: "Policies of the user's tokens." },
  policies: { type: "comma-string-slice", description: "Older name of token_policies." },
} as const satisfies FieldSchemas;

export const pathUserPolicies: PathDefinition = definePath({
  pattern: "users/:username/policies",
  fields: POLICY_FIELDS,
  operations: {
    update: {
      summary: "Set the policies.",
      handler: (context, _request, fields) => {
        const policies = policyNames(fields.get("token_policies") ?? fields.get("policies"));
        if (policies === undefined) throw new LogicalError("invalid_request", "missing token_policies");
        change(context.storage, fields.get("username"), (user) => ({ ...user, token: { ...user.token, policies } }));
        return { kind: "empty" };
      },
    },
  },
  synopsis: "A user's policies.",
  description: "Of tokens from now on; tokens that there are keep theirs, and are not renewed.",
});

function change(storage: LogicalStorage, given: string | undefined, to: (user: UserEntry) => UserEntry): void {
  const name = nameOf(given, "username");
  const user = readUser(storage, name);
  if (user === undefined) throw new LogicalError("invalid_request", "username does not exist", { fromState: true });
  writeUser(storage, name, to(user));
}
