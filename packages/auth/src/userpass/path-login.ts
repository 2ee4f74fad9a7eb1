/** `login/:username`: a name and a password for a token. Unknown names cost the same work and get the same answer. */
import {
  definePath,
  type FieldSchemas,
  LogicalError,
  type LogicalResponse,
  type PathDefinition,
  type PrepareContext,
  PreparedStaleError,
  type RequestContext,
} from "@strongroom/logical";
import { Lockout } from "../common/lockout.ts";
import { nameOf } from "../common/names.ts";
import { grantOf } from "../common/token-settings.ts";
import { PASSWORD_FIELD, passwordOf } from "./password-field.ts";
import { readUser } from "./user-entry.ts";

const FIELDS = {
  username: { type: "string", description: "The user's name." },
  password: PASSWORD_FIELD,
} as const satisfies FieldSchemas;

/** What the password was compared with, and whether it was the one. */
interface Compared {
  readonly hash: string | undefined;
  readonly right: boolean;
}

export const pathLogin: PathDefinition = definePath({
  pattern: "login/:username",
  fields: FIELDS,
  access: "login",
  operations: {
    update: {
      summary: "Log in.",
      prepare: (context, _request, fields) => {
        const password = passwordOf(fields.get("password"));
        return compare(context, nameOf(fields.get("username"), "username"), password);
      },
      handler: (context, _request, fields) => login(context, nameOf(fields.get("username"), "username")),
    },
  },
  synopsis: "Log in with a password.",
  description: "Too many wrong passwords in a row lock the name out for a while.",
});

/** Wipes `password`. Throws `LogicalError` for a name that is locked out, before any work. */
async function compare(context: PrepareContext, name: string, password: Uint8Array): Promise<Compared> {
  try {
    const user = readUser(context.storage, name);
    new Lockout(context, name, user !== undefined).check();
    const right = await context.kdf.verify(password, user?.passwordHash ?? "");
    return { hash: user?.passwordHash, right };
  } finally {
    password.fill(0);
  }
}

function login(context: RequestContext, name: string): LogicalResponse {
  const { hash, right } = context.prepared as Compared;
  const user = readUser(context.storage, name);
  if (user?.passwordHash !== hash) throw new PreparedStaleError();
  const lockout = new Lockout(context, name, user !== undefined);
  lockout.check();
  if (user === undefined || !right) {
    lockout.failed(context.storage);
    return { kind: "refusal", error: new LogicalError("invalid_request", "invalid username or password") };
  }
  lockout.succeeded(context.storage);
  const metadata = new Map([["username", name]]);
  return {
    kind: "auth",
    grant: grantOf(user.token, { displayName: name, aliasName: name, metadata, internal: { name } }),
  };
}
