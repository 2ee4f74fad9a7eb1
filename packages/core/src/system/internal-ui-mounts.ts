/** `sys/internal/ui/mounts`: what the CLI asks before each `kv` command, to learn the mount and its version. */
import { definePath } from "@strongroom/logical";
import { PermissionDeniedError } from "../errors.ts";
import { AUTH_PREFIX, type MountEntry } from "../mount-entry.ts";
import { findMount } from "../mounts.ts";
import type { JsonMembers } from "../request.ts";
import { mountEntries } from "./mount.ts";
import { mountBodies, mountBody } from "./mount-body.ts";
import type { MountCategory } from "./mount-change.ts";
import { SystemContext, type SystemPath, type SystemServices } from "./system-path.ts";

export function internalUiMountsPath(services: SystemServices): SystemPath {
  const path = definePath({
    pattern: "internal/ui/mounts",
    fields: {},
    operations: {
      read: {
        summary: "The mounts that the token may see, or anybody.",
        handler: (context) => {
          const seen = visibleMounts(services, SystemContext.of(context));
          const bodies = (category: MountCategory): JsonMembers => {
            const prefix = category === "auth" ? AUTH_PREFIX : "";
            const entries = seen[category];
            return seen.known ? mountBodies(entries, prefix) : briefBodies(entries, prefix);
          };
          return { kind: "data", data: { auth: bodies("auth"), secret: bodies("secret") } };
        },
      },
    },
    synopsis: "The mounts that the token may see.",
    description:
      "For consoles: those on which or below which its policies grant anything, and without a token those that are tuned " +
      "to be listed for everybody, with little said of them.",
  });
  return { path, access: "login", run: "transaction", reply: "envelope" };
}

/** What whoever asks may know of: a token is not needed, but one that is given must be good. */
export interface VisibleMounts extends Readonly<Record<MountCategory, readonly MountEntry[]>> {
  /** There is a token. */
  readonly known: boolean;
}

/** Throws `PermissionDeniedError` for a token that is not good. */
export function visibleMounts(
  { mounts, policies, tokens: { authenticator } }: SystemServices,
  { transaction, request, nowMs }: SystemContext,
): VisibleMounts {
  const { token, remoteAddress } = request;
  const bearer =
    token === undefined
      ? undefined
      : authenticator.authenticate(transaction, authenticator.present(token), "read", { remoteAddress, nowMs });
  const acl = bearer === undefined ? undefined : policies.aclOf(transaction, bearer.entry, "read");
  const sees = (entry: MountEntry): boolean =>
    entry.listingVisibility === "unauth" || acl?.reaches(entry.path) === true;
  return {
    known: bearer !== undefined,
    auth: mountEntries(mounts, transaction, "auth").filter(sees),
    secret: mountEntries(mounts, transaction, "secret").filter(sees),
  };
}

function briefBodies(entries: readonly MountEntry[], prefix: string): JsonMembers {
  const sorted = entries.toSorted((a, b) => (a.path < b.path ? -1 : 1));
  const brief = ({ type, description, options }: MountEntry): JsonMembers => ({
    description,
    options: Object.keys(options).length === 0 ? null : options,
    type,
  });
  return Object.fromEntries(sorted.map((entry) => [entry.path.slice(prefix.length), brief(entry)]));
}

export function internalUiMountPath({ mounts, policies }: SystemServices): SystemPath {
  const path = definePath({
    pattern: "internal/ui/mounts/*path",
    fields: { path: { type: "string", description: "A path at or below the mount." } },
    operations: {
      read: {
        summary: "The mount that serves a path.",
        handler: (context, _request, fields) => {
          const wanted = (fields.get("path") ?? "").replace(/\/?$/, "/");
          const { transaction, token } = SystemContext.of(context);
          const table = mounts.table(transaction, "read");
          const mount = findMount(table, wanted);
          // The same words for a mount that is not there and one that may not be seen, so that nobody can tell.
          if (mount === undefined || !policies.aclOf(transaction, token, "read").reaches(mount.entry.path)) {
            throw new PermissionDeniedError(
              `preflight capability check returned 403, please ensure client's policies grant access to path "${wanted}"`,
            );
          }
          return { kind: "data", data: { ...mountBody(mounts.shown(mount.entry)), path: mount.entry.path } };
        },
      },
    },
    synopsis: "The mount that serves a path.",
    description:
      "For clients that have to know an engine's version. Every token may ask, and hears of what it may use.",
  });
  return { path, access: "authenticated", run: "transaction", reply: "envelope" };
}
