/** `sys/internal/ui/mounts`: what the CLI asks before each `kv` command, to learn the mount and its version. */
import { definePath } from "@strongroom/logical";
import { PermissionDeniedError } from "../errors.ts";
import { AUTH_PREFIX, type MountEntry } from "../mount-entry.ts";
import { findMount } from "../mounts.ts";
import { mountEntries } from "./mount.ts";
import { mountBodies, mountBody } from "./mount-body.ts";
import { SystemContext, type SystemPath, type SystemServices } from "./system-path.ts";

export function internalUiMountsPath({ mounts, policies }: SystemServices): SystemPath {
  const path = definePath({
    pattern: "internal/ui/mounts",
    fields: {},
    operations: {
      read: {
        summary: "The mounts that the token may see.",
        handler: (context) => {
          const { transaction, token } = SystemContext.of(context);
          const table = mounts.table(transaction, "read");
          const acl = policies.aclOf(transaction, token, "read");
          const seen = (kind: "auth" | "secret"): readonly MountEntry[] =>
            mountEntries(table, kind).filter((entry) => acl.reaches(entry.path));
          return {
            kind: "data",
            data: { auth: mountBodies(seen("auth"), AUTH_PREFIX), secret: mountBodies(seen("secret")) },
          };
        },
      },
    },
    synopsis: "The mounts that the token may see.",
    description: "For consoles: those on which or below which its policies grant anything.",
  });
  return { path, access: "authenticated", run: "transaction", reply: "envelope" };
}

export function internalUiMountPath({ mounts, policies }: SystemServices): SystemPath {
  const path = definePath({
    pattern: "internal/ui/mounts/*path",
    fields: { path: { type: "string", description: "A path at or below the mount." } },
    operations: {
      read: {
        summary: "The mount that serves a path.",
        handler: (context, _request, fields) => {
          const wanted = fields.get("path") ?? "";
          const { transaction, token } = SystemContext.of(context);
          const table = mounts.table(transaction, "read");
          const mount = findMount(table, wanted.endsWith("/") ? wanted : `${wanted}/`);
          // The same words for a mount that is not there and one that may not be seen, so that nobody can tell.
          if (mount === undefined || !policies.aclOf(transaction, token, "read").reaches(mount.entry.path)) {
            throw new PermissionDeniedError(
              `preflight capability check returned 403, please ensure client's policies grant access to path "${wanted}"`,
            );
          }
          return { kind: "data", data: { ...mountBody(mount.entry), path: mount.entry.path } };
        },
      },
    },
    synopsis: "The mount that serves a path.",
    description:
      "For clients that have to know an engine's version. Every token may ask, and hears of what it may use.",
  });
  return { path, access: "authenticated", run: "transaction", reply: "envelope" };
}
