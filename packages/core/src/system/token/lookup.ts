/** `auth/token/lookup`, `lookup-self` and `lookup-accessor`: what is known of a token. Nobody but its holder is told the id. */
import {
  type DataResponse,
  definePath,
  encodeJson,
  formatTimestamp,
  type JsonValue,
  LogicalError,
  RawJson,
  type RequestContext,
} from "@strongroom/logical";
import { present, utf8 } from "@strongroom/runtime";
import { PermissionDeniedError } from "../../errors.ts";
import { textJson } from "../../secret-json.ts";
import type { TokenEntry } from "../../token/token-entry.ts";
import { SystemContext, type SystemPath, type SystemServices } from "../system-path.ts";

export function tokenLookupSelfPath(_services: SystemServices): SystemPath {
  const lookup = (context: RequestContext): DataResponse => {
    const { request, token, nowMs } = SystemContext.of(context);
    const id = present(request.token, "a request with a bearer has a token");
    return { kind: "data", data: tokenBody(token, id, nowMs) };
  };
  const path = definePath({
    pattern: "lookup-self",
    fields: { token: { type: "string", description: "Ignored." } },
    operations: {
      read: { summary: "The token of this request.", handler: lookup },
      update: { summary: "The token of this request.", handler: lookup },
    },
    synopsis: "The token of this request.",
    description: "The default policy lets every token ask.",
  });
  return { path, access: "policy", run: "transaction", reply: "envelope" };
}

export function tokenLookupPath({ tokens }: SystemServices): SystemPath {
  const lookup = (context: RequestContext, named: string): DataResponse => {
    const { request, token, transaction, nowMs } = SystemContext.of(context);
    if (named === "") {
      const own = present(request.token, "a request with a bearer has a token");
      return { kind: "data", data: tokenBody(token, own, nowMs) };
    }
    const id = utf8(named);
    const { authenticator } = tokens;
    const entry = authenticator.find(transaction, authenticator.present(id), "read", nowMs);
    if (entry === undefined) throw new PermissionDeniedError("bad token");
    return { kind: "data", data: tokenBody(entry, id, nowMs) };
  };
  const path = definePath({
    pattern: "lookup",
    fields: { token: { type: "string", description: "The token to look up; that of the request.", default: "" } },
    operations: {
      read: {
        summary: "As the write does. Deprecated: a URL is kept in many places, so a token has no business in it.",
        handler: (context, _request, fields) => lookup(context, fields.get("token")),
      },
      update: { summary: "A token.", handler: (context, _request, fields) => lookup(context, fields.get("token")) },
    },
    synopsis: "What is known of a token.",
    description: "The token goes in the body, never in the path.",
  });
  return { path, access: "policy", run: "transaction", reply: "envelope" };
}

export function tokenLookupAccessorPath({ tokens }: SystemServices): SystemPath {
  const path = definePath({
    pattern: "lookup-accessor",
    fields: { accessor: { type: "string", description: "The accessor of the token to look up." } },
    operations: {
      update: {
        summary: "The token that an accessor names.",
        handler: (context, _request, fields) => {
          const { transaction, nowMs } = SystemContext.of(context);
          const accessor = fields.get("accessor") ?? "";
          if (accessor === "") throw new LogicalError("invalid_request", "missing accessor");
          const hash = tokens.store.byAccessor(transaction, accessor, "read");
          const entry = hash === undefined ? undefined : tokens.store.live(transaction, hash, "read", nowMs);
          if (entry === undefined) throw new LogicalError("invalid_request", "invalid accessor", { fromState: true });
          return { kind: "data", data: tokenBody(entry, new Uint8Array(0), nowMs) };
        },
      },
    },
    synopsis: "What is known of the token that an accessor names.",
    description: "Tells nothing with which the token could be used.",
  });
  return { path, access: "policy", run: "transaction", reply: "envelope" };
}

/** In alphabetical order, as Vault's. */
function tokenBody(entry: TokenEntry, id: Uint8Array, nowMs: number): { [key: string]: JsonValue } {
  const ends = entry.expireTimeMs !== 0;
  const renewed = entry.issueTimeMs > entry.creationTimeMs;
  return {
    accessor: entry.accessor,
    ...(entry.boundCidrs.length === 0 ? undefined : { bound_cidrs: entry.boundCidrs }),
    creation_time: Math.floor(entry.creationTimeMs / 1000),
    creation_ttl: entry.ttlSeconds,
    display_name: entry.displayName,
    entity_id: entry.entityId,
    expire_time: ends ? formatTimestamp(entry.expireTimeMs) : null,
    explicit_max_ttl: entry.explicitMaxTtlSeconds,
    // A token that was found consists of the characters that tokens are made of.
    id: textJson(id),
    issue_time: formatTimestamp(entry.creationTimeMs),
    ...(renewed
      ? {
          last_renewal: formatTimestamp(entry.issueTimeMs),
          last_renewal_time: Math.floor(entry.issueTimeMs / 1000),
        }
      : undefined),
    meta: Object.keys(entry.meta).length === 0 ? null : new RawJson(encodeJson(new Map(Object.entries(entry.meta)))),
    num_uses: entry.numUses,
    orphan: entry.orphan,
    path: entry.path,
    ...(entry.periodSeconds === 0 ? undefined : { period: entry.periodSeconds }),
    policies: entry.policies,
    renewable: ends && entry.renewable,
    ...(entry.role === "" ? undefined : { role: entry.role }),
    ttl: ends ? Math.max(0, Math.floor((entry.expireTimeMs - nowMs) / 1000)) : 0,
    type: entry.type,
  };
}
