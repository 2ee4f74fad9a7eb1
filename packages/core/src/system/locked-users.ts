/** `sys/locked-users`: who has failed to log in too often, and who may try again at once. */
import { definePath, type JsonValue, LogicalError, type RequestContext } from "@strongroom/logical";
import type { Mount } from "../mounts.ts";
import { SystemContext, type SystemPath, type SystemServices } from "./system-path.ts";

export function lockedUsersPath({ mounts }: SystemServices): SystemPath {
  const path = definePath({
    pattern: "locked-users",
    fields: { mount_accessor: { type: "string", description: "Only of this mount." } },
    operations: {
      read: {
        summary: "Names that are locked out.",
        handler: async (context, _request, fields) => {
          const { transaction } = SystemContext.of(context);
          const wanted = fields.get("mount_accessor");
          const accessors: { [key: string]: JsonValue }[] = [];
          let total = 0;
          for (const mount of mounts.table(transaction, "read").byPath.values()) {
            if (mount.backend.lockedNames === undefined) continue;
            if (wanted !== undefined && mount.entry.accessor !== wanted) continue;
            const names = await mount.backend.lockedNames(within(context, mount, mounts));
            if (names.length === 0) continue;
            total += names.length;
            accessors.push({ mount_accessor: mount.entry.accessor, counts: names.length, alias_identifiers: names });
          }
          const byNamespace =
            total === 0
              ? []
              : [{ namespace_id: "root", namespace_path: "", counts: total, mount_accessors: accessors }];
          return { kind: "data", data: { by_namespace: byNamespace, total } };
        },
      },
    },
    synopsis: "Names that are locked out.",
    description: "Users and roles that exist and have failed to log in too often; they may try again after a while.",
  });
  return { path, access: "policy", run: "transaction", reply: "envelope" };
}

export function unlockUserPath({ mounts }: SystemServices): SystemPath {
  const path = definePath({
    pattern: "locked-users/:mount_accessor/unlock/*alias_identifier",
    fields: {
      mount_accessor: { type: "string", description: "The accessor of the auth mount." },
      alias_identifier: { type: "string", description: "The user's or role's name." },
    },
    operations: {
      update: {
        summary: "Let a name try again at once.",
        handler: (context, _request, fields) => {
          const { transaction } = SystemContext.of(context);
          const accessor = fields.get("mount_accessor");
          const mount = [...mounts.table(transaction, "write").byPath.values()].find(
            (candidate) => candidate.entry.accessor === accessor && candidate.backend.unlock !== undefined,
          );
          if (mount === undefined) {
            throw new LogicalError("invalid_request", "no auth method with lockouts has this accessor", {
              fromState: true,
            });
          }
          mount.backend.unlock?.(within(context, mount, mounts), fields.get("alias_identifier") ?? "");
          return { kind: "empty" };
        },
      },
    },
    synopsis: "Let a name try again.",
    description: "No error for a name that is not locked out.",
  });
  return { path, access: "policy", run: "transaction", reply: "envelope" };
}

function within(context: RequestContext, mount: Mount, mounts: SystemServices["mounts"]): RequestContext {
  const { transaction, nowMs, entropy } = SystemContext.of(context);
  return { storage: mounts.storage(transaction, mount), nowMs, mount: mount.info, entropy };
}
