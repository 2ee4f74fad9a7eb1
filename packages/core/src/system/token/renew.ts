/** `auth/token/renew`, `renew-self` and `renew-accessor`: a token lives on. */
import {
  definePath,
  type FieldSchemas,
  LogicalError,
  type LogicalErrorCode,
  type LogicalResponse,
  type RequestContext,
  type TokenGrant,
} from "@strongroom/logical";
import { present, utf8 } from "@strongroom/runtime";
import { findMount } from "../../mounts.ts";
import { renewToken } from "../../token/renew-token.ts";
import type { TokenEntry } from "../../token/token-entry.ts";
import { isBatchId } from "../../token/token-id.ts";
import { SystemContext, type SystemPath, type SystemServices } from "../system-path.ts";

const INCREMENT = {
  increment: { type: "duration", description: "For how long, from now; without it as at first.", default: 0 },
} as const satisfies FieldSchemas;

interface Renewed {
  readonly hash: Uint8Array;
  readonly entry: TokenEntry;
  readonly clientToken: Uint8Array;
}

export function tokenRenewSelfPath(services: SystemServices): SystemPath {
  const path = definePath({
    pattern: "renew-self",
    fields: { ...INCREMENT, token: { type: "string", description: "Ignored." } },
    operations: {
      update: {
        summary: "Renew the token of this request.",
        handler: (context, _request, fields) => {
          const { bearer, request } = SystemContext.of(context);
          const clientToken = present(request.token, "a request with a bearer has a token");
          return renew(services, context, { ...bearer, clientToken }, fields.get("increment"));
        },
      },
    },
    synopsis: "Renew the token of this request.",
    description: "The default policy lets every token ask.",
  });
  return { path, access: "policy", run: "transaction", reply: "envelope" };
}

export function tokenRenewPath(services: SystemServices): SystemPath {
  const { store } = services.tokens;
  const path = definePath({
    pattern: "renew",
    fields: { ...INCREMENT, token: { type: "string", description: "The token to renew." } },
    operations: {
      update: {
        summary: "Renew a token.",
        handler: (context, _request, fields) => {
          const { transaction, nowMs } = SystemContext.of(context);
          const clientToken = utf8(fields.get("token") ?? "");
          if (clientToken.length === 0) throw new LogicalError("invalid_request", "missing token ID");
          if (isBatchId(clientToken)) throw batch();
          const hash = store.hash(clientToken);
          const entry = store.live(transaction, hash, "write", nowMs);
          if (entry === undefined) throw new LogicalError("invalid_request", "token not found", { fromState: true });
          return renew(services, context, { hash, entry, clientToken }, fields.get("increment"));
        },
      },
    },
    synopsis: "Renew a token.",
    description: "The token goes in the body, never in the path.",
  });
  return { path, access: "policy", run: "transaction", reply: "envelope" };
}

export function tokenRenewAccessorPath(services: SystemServices): SystemPath {
  const { store } = services.tokens;
  const path = definePath({
    pattern: "renew-accessor",
    fields: { ...INCREMENT, accessor: { type: "string", description: "The accessor of the token to renew." } },
    operations: {
      update: {
        summary: "Renew the token that an accessor names.",
        handler: (context, _request, fields) => {
          const { transaction, nowMs } = SystemContext.of(context);
          const accessor = fields.get("accessor") ?? "";
          if (accessor === "") throw new LogicalError("invalid_request", "missing accessor");
          const hash = store.byAccessor(transaction, accessor, "write");
          const entry = hash === undefined ? undefined : store.live(transaction, hash, "write", nowMs);
          if (hash === undefined || entry === undefined) {
            throw new LogicalError("invalid_request", "invalid accessor", { fromState: true });
          }
          return renew(services, context, { hash, entry, clientToken: new Uint8Array(0) }, fields.get("increment"));
        },
      },
    },
    synopsis: "Renew the token that an accessor names.",
    description: "The answer does not tell the token.",
  });
  return { path, access: "policy", run: "transaction", reply: "envelope" };
}

async function renew(
  services: SystemServices,
  context: RequestContext,
  token: Renewed,
  incrementSeconds: number,
): Promise<LogicalResponse> {
  const own = SystemContext.of(context);
  const { transaction, nowMs } = own;
  if (token.entry.type === "batch") throw batch();
  const login = await loginOf(services, context, token.entry, incrementSeconds);
  const { auth, warnings } = renewToken(transaction, services.tokens, token, {
    incrementSeconds,
    nowMs,
    mount: login?.mount ?? services.mounts.table(transaction, "write").token.info,
    grant: login?.grant,
    periodSeconds: rolePeriod(services, own, token.entry),
    clientToken: token.clientToken,
  });
  own.answerAuth(auth);
  return warnings.length === 0 ? { kind: "empty" } : { kind: "empty", warnings };
}

/** What the method that once let the holder in says today; undefined for a token that no login made. */
async function loginOf(
  { mounts, tokens, dependencies }: SystemServices,
  context: RequestContext,
  entry: TokenEntry,
  incrementSeconds: number,
): Promise<{ readonly mount: SystemContext["mount"]; readonly grant: TokenGrant | undefined } | undefined> {
  const { transaction, nowMs } = SystemContext.of(context);
  const lease = entry.leaseHandle === "" ? undefined : tokens.leases.lookup(transaction, entry.leaseHandle);
  const table = mounts.table(transaction, "write");
  const engine = (lease === undefined ? undefined : table.byUuid.get(lease.mountUuid)) ?? findMount(table, entry.path);
  if (engine === undefined) return undefined;
  const { backend, info } = engine;
  if (backend.renewLogin === undefined) return { mount: info, grant: undefined };
  const grant = await backend.renewLogin(
    { storage: mounts.storage(transaction, engine), nowMs, mount: info, entropy: dependencies.entropy },
    {
      displayName: entry.displayName,
      policies: entry.policies,
      metadata: new Map(Object.entries(entry.meta)),
      issueTimeMs: entry.creationTimeMs,
      incrementSeconds,
      internal: lease?.internal ?? {},
    },
  );
  return { mount: info, grant };
}

/** Throws `LogicalError` where the role that made the token is gone. */
function rolePeriod({ roles }: SystemServices, { transaction }: SystemContext, entry: TokenEntry): number {
  if (entry.role === "") return 0;
  const role = roles.get(transaction, entry.role);
  if (role !== undefined) return role.periodSeconds;
  throw refused(
    "invalid_request",
    `original token role ${JSON.stringify(entry.role)} could not be found, not renewing`,
  );
}

function batch(): LogicalError {
  return refused("invalid_request", "batch tokens cannot be renewed");
}

function refused(code: LogicalErrorCode, message: string): LogicalError {
  return new LogicalError(code, message, { fromState: true });
}
