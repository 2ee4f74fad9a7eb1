/** `auth/token/lookup` and `lookup-self`: what is known of a token. */
import { definePath, type JsonValue, LogicalError } from "@strongroom/logical";
import { utf8 } from "@strongroom/runtime";
import { PermissionDeniedError } from "../errors.ts";
import { textJson } from "../secret-json.ts";
import type { TokenEntry } from "../token/token-entry.ts";
import { SystemContext, type SystemPath, type SystemServices } from "./system-path.ts";

export function tokenLookupSelfPath(_services: SystemServices): SystemPath {
  const lookup = (context: SystemContext): { readonly kind: "data"; readonly data: { [key: string]: JsonValue } } => {
    const { token } = context.request;
    if (token === undefined) throw new PermissionDeniedError();
    return { kind: "data", data: tokenBody(context.token, token) };
  };
  const path = definePath({
    pattern: "lookup-self",
    fields: { token: { type: "string", description: "Ignored." } },
    operations: {
      read: { summary: "The token of this request.", handler: (context) => lookup(SystemContext.of(context)) },
      update: { summary: "The token of this request.", handler: (context) => lookup(SystemContext.of(context)) },
    },
    synopsis: "The token of this request.",
    description: "Every valid token may ask.",
  });
  return { path, access: "authenticated", run: "transaction", reply: "envelope" };
}

export function tokenLookupPath({ tokens }: SystemServices): SystemPath {
  const path = definePath({
    pattern: "lookup",
    fields: { token: { type: "string", description: "The token to look up." } },
    operations: {
      update: {
        summary: "Another token.",
        handler: (context, _request, fields) => {
          const id = utf8(fields.get("token") ?? "");
          if (id.length === 0) throw new LogicalError("invalid_request", "missing token ID");
          const entry = tokens.store.live(
            SystemContext.of(context).transaction,
            tokens.store.hash(id),
            "read",
            context.nowMs,
          );
          if (entry === undefined) throw new PermissionDeniedError("bad token");
          return { kind: "data", data: tokenBody(entry, id) };
        },
      },
    },
    synopsis: "What is known of a token.",
    description: "The token goes in the body, never in the path.",
  });
  return { path, access: "policy", run: "transaction", reply: "envelope" };
}

function tokenBody(entry: TokenEntry, id: Uint8Array): { [key: string]: JsonValue } {
  return {
    accessor: entry.accessor,
    creation_time: Math.floor(entry.creationTimeMs / 1000),
    creation_ttl: entry.ttlSeconds,
    display_name: entry.displayName,
    entity_id: "",
    expire_time: null,
    explicit_max_ttl: 0,
    // A token that was found consists of the characters that tokens are made of.
    id: textJson(id),
    meta: null,
    num_uses: 0,
    orphan: entry.orphan,
    path: entry.path,
    policies: entry.policies,
    ttl: entry.ttlSeconds,
    type: "service",
  };
}
