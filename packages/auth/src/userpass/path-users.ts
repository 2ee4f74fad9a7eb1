/** `users/:username`: makes, shows and removes users. */
import {
  definePath,
  type FieldSchemas,
  LogicalError,
  type LogicalResponse,
  listResponse,
  type PathDefinition,
  type RequestContext,
} from "@strongroom/logical";
import { unlock } from "../common/lockout.ts";
import { nameOf } from "../common/names.ts";
import { changedSettings, DEFAULT_TOKEN_SETTINGS, settingsBody, TOKEN_FIELDS } from "../common/token-settings.ts";
import { givenHash, PASSWORD_FIELD, PASSWORD_HASH_FIELD } from "./password-field.ts";
import { deleteUser, readUser, writeUser } from "./user-entry.ts";

const FIELDS = {
  username: { type: "string", description: "The user's name; upper and lower case are one." },
  password: PASSWORD_FIELD,
  password_hash: PASSWORD_HASH_FIELD,
  ...TOKEN_FIELDS,
} as const satisfies FieldSchemas;

export const pathUsers: PathDefinition = definePath({
  pattern: "users/:username",
  fields: FIELDS,
  operations: {
    read: {
      summary: "Show a user; the password is never shown.",
      handler: (context, _request, fields): LogicalResponse => {
        const user = readUser(context.storage, nameOf(fields.get("username"), "username"));
        return user === undefined ? { kind: "not-found" } : { kind: "data", data: settingsBody(user.token) };
      },
    },
    create: {
      summary: "Make a user.",
      prepare: ({ kdf }, _request, fields) => givenHash(kdf, fields.get("password"), fields.get("password_hash")),
      handler: (context, _request, fields) => write(context, fields, true),
    },
    update: {
      summary: "Change a user; what is not given stays.",
      prepare: ({ kdf }, _request, fields) => givenHash(kdf, fields.get("password"), fields.get("password_hash")),
      handler: (context, _request, fields) => write(context, fields, false),
    },
    delete: {
      summary: "Remove a user. Its tokens live on until they end, and are not renewed.",
      handler: (context, _request, fields) => {
        const name = nameOf(fields.get("username"), "username");
        deleteUser(context.storage, name);
        unlock(context.storage, name);
        return { kind: "empty" };
      },
    },
  },
  existence: (context, _request, fields) =>
    readUser(context.storage, nameOf(fields.get("username"), "username")) !== undefined,
  synopsis: "Users.",
  description: "A user logs in with name and password and gets a token with these settings.",
});

export const pathUsersList: PathDefinition = definePath({
  pattern: "users",
  fields: {},
  operations: {
    list: {
      summary: "List users.",
      handler: async (context) => listResponse(await context.storage.list("user/")),
    },
  },
  synopsis: "List users.",
  description: "By name.",
});

function write(
  context: RequestContext,
  fields: Parameters<typeof changedSettings>[1] & { get(name: "username"): string | undefined },
  creating: boolean,
): LogicalResponse {
  const name = nameOf(fields.get("username"), "username");
  const hash = context.prepared as string | undefined;
  const before = readUser(context.storage, name);
  if (creating && hash === undefined) throw new LogicalError("invalid_request", "missing password");
  writeUser(context.storage, name, {
    passwordHash: hash ?? before?.passwordHash ?? "",
    token: changedSettings(before?.token ?? DEFAULT_TOKEN_SETTINGS, fields),
  });
  return { kind: "empty" };
}
