/**
 * `auth/token/revoke`, `revoke-self`, `revoke-accessor` and `revoke-orphan`. The token is marked in the request's own command;
 * what descends from it is marked before the answer, level by level. Rows, leases and cubbyholes are deleted behind the answer.
 */
import { definePath, LogicalError, type LogicalResponse } from "@strongroom/logical";
import { utf8 } from "@strongroom/runtime";
import { isBatchId } from "../../token/token-id.ts";
import type { Closing } from "../../token/token-revoker.ts";
import { SystemContext, type SystemPath, type SystemServices } from "../system-path.ts";

const TOKEN = { token: { type: "string", description: "The token to revoke." } } as const;
const DONE = { kind: "empty" } as const;

export function tokenRevokeSelfPath(services: SystemServices): SystemPath {
  const path = definePath({
    pattern: "revoke-self",
    fields: { token: { type: "string", description: "Ignored." } },
    operations: {
      update: {
        summary: "Revoke the token of this request.",
        handler: (context) => {
          const { bearer } = SystemContext.of(context);
          if (bearer.entry.type === "batch") throw batch();
          return revoke(services, SystemContext.of(context), bearer.hash, "tree");
        },
      },
    },
    synopsis: "Revoke the token of this request, and all that descends from it.",
    description: "The default policy lets every token ask.",
  });
  return { path, access: "policy", run: "transaction", reply: "envelope", idempotent: true };
}

export function tokenRevokePath(services: SystemServices): SystemPath {
  return byId(services, "revoke", "tree");
}

export function tokenRevokeOrphanPath(services: SystemServices): SystemPath {
  return byId(services, "revoke-orphan", "orphan");
}

export function tokenRevokeAccessorPath(services: SystemServices): SystemPath {
  const path = definePath({
    pattern: "revoke-accessor",
    fields: { accessor: { type: "string", description: "The accessor of the token to revoke." } },
    operations: {
      update: {
        summary: "Revoke the token that an accessor names.",
        handler: (context, _request, fields) => {
          const own = SystemContext.of(context);
          const accessor = fields.get("accessor") ?? "";
          if (accessor === "") throw new LogicalError("invalid_request", "missing accessor");
          const hash = services.tokens.store.byAccessor(own.transaction, accessor, "write");
          if (hash === undefined) return { ...DONE, warnings: ["No token found with this accessor"] };
          return revoke(services, own, hash, "tree");
        },
      },
    },
    synopsis: "Revoke the token that an accessor names, and all that descends from it.",
    description: "For who must not know the token.",
  });
  return { path, access: "policy", run: "transaction", reply: "envelope", idempotent: true };
}

function byId(services: SystemServices, pattern: string, closing: Closing): SystemPath {
  const orphan = closing === "orphan";
  const path = definePath({
    pattern,
    fields: TOKEN,
    operations: {
      update: {
        summary: orphan ? "Revoke a token and spare its children." : "Revoke a token.",
        handler: (context, _request, fields) => {
          const id = utf8(fields.get("token") ?? "");
          if (id.length === 0) throw new LogicalError("invalid_request", "missing token ID");
          if (isBatchId(id)) throw batch();
          return revoke(services, SystemContext.of(context), services.tokens.store.hash(id), closing);
        },
      },
    },
    synopsis: orphan
      ? "Revoke a token; its children live on as orphans."
      : "Revoke a token and all that descends from it.",
    description: "The token goes in the body, never in the path. Revoking one that is not there is no error.",
  });
  return { path, access: orphan ? "sudo" : "policy", run: "transaction", reply: "envelope", idempotent: true };
}

/** One that is being revoked already may have descendants that are not marked: whoever marked it may have died. */
function revoke({ tokens }: SystemServices, own: SystemContext, hash: Uint8Array, closing: Closing): LogicalResponse {
  const { store, revoker } = tokens;
  const entry = store.lookup(own.transaction, hash, "write");
  if (entry === undefined) return DONE;
  const begun = entry.closing ? revoker.closingOf(own.transaction, hash) : closing;
  if (!entry.closing) revoker.mark(own.transaction, hash, entry, closing);
  own.doAfterCommit((commands) =>
    begun === "orphan" ? revoker.orphanChildren(commands, hash) : revoker.markDescendants(commands, [hash]),
  );
  return DONE;
}

function batch(): LogicalError {
  return new LogicalError("invalid_request", "batch tokens cannot be revoked");
}
