/**
 * `sys/remount`: hangs a mount elsewhere. Rows, leases and policies' accessors go by the mount's uuid, so the table is all that
 * is written, and the move is done when the request is answered.
 */
import { definePath, LogicalError } from "@strongroom/logical";
import { randomUuid } from "../base62.ts";
import { AUTH_PREFIX } from "../mount-entry.ts";
import { checkReserved, type MountCategory, mountPathOf, withMountMoved } from "./mount-change.ts";
import { SystemContext, type SystemPath, type SystemServices } from "./system-path.ts";

export function remountPath({ mounts }: SystemServices): SystemPath {
  const path = definePath({
    pattern: "remount",
    fields: {
      from: { type: "string", description: 'Where it hangs, such as "secret" or "auth/userpass".' },
      to: { type: "string", description: "Where it shall hang; below auth/ or not, as before." },
    },
    operations: {
      update: {
        summary: "Move a mount.",
        handler: (context, _request, fields) => {
          const { transaction, entropy } = SystemContext.of(context);
          const from = placeOf(fields.get("from"));
          const to = placeOf(fields.get("to"));
          if (from.category !== to.category) {
            throw new LogicalError("invalid_request", "an auth method cannot become a secrets engine, nor the reverse");
          }
          if (from.path === to.path) {
            throw new LogicalError("invalid_request", "invalid destination mount: path is the same as the source's");
          }
          checkReserved(from.category, from.path, "remount");
          checkReserved(to.category, to.path, "mount");
          mounts.change(transaction, (state) => withMountMoved(state, from.path, to.path));
          const id = randomUuid(entropy);
          mounts.recordMove(transaction, { id, from: from.path, to: to.path });
          return { kind: "data", data: { migration_id: id } };
        },
      },
    },
    synopsis: "Move a mount.",
    description:
      "What it holds stays where it is: only the name changes. Its leases can be renewed and revoked as before.",
  });
  return { path, access: "sudo", run: "transaction", reply: "top-level" };
}

export function remountStatusPath({ mounts }: SystemServices): SystemPath {
  const path = definePath({
    pattern: "remount/status/:migration_id",
    fields: { migration_id: { type: "string", description: "As sys/remount answered it." } },
    operations: {
      read: {
        summary: "What became of a move.",
        handler: (context, _request, fields) => {
          const { transaction } = SystemContext.of(context);
          const id = fields.get("migration_id");
          const move = mounts.moves(transaction).find((candidate) => candidate.id === id);
          if (move === undefined) return { kind: "not-found" };
          const info = { source_mount: move.from, status: "success", target_mount: move.to };
          return { kind: "data", data: { migration_id: move.id, migration_info: info } };
        },
      },
    },
    synopsis: "What became of a move.",
    description: "Moves are done when they are answered, so this says success; the last hundred are remembered.",
  });
  return { path, access: "policy", run: "transaction", reply: "envelope" };
}

function placeOf(raw: string | undefined): { readonly category: MountCategory; readonly path: string } {
  const given = (raw ?? "").replace(/^\//, "");
  if (given === "")
    throw new LogicalError("invalid_request", "both 'from' and 'to' path must be specified as a string");
  if (!given.startsWith(AUTH_PREFIX)) return { category: "secret", path: mountPathOf("secret", given) };
  return { category: "auth", path: mountPathOf("auth", given.slice(AUTH_PREFIX.length)) };
}
