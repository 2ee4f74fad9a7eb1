/** `sys/config/auditing/request-headers`: which headers of requests are recorded. */
import { definePath, LogicalError } from "@strongroom/logical";
import { SystemContext, type SystemPath, type SystemServices } from "./system-path.ts";

const NAME = /^[a-z0-9!#$%&'*+.^_`|~-]{1,128}$/;
const MAX_HEADERS = 64;
/** Whoever reads the value could use it. */
const CREDENTIALS: ReadonlySet<string> = new Set([
  "authorization",
  "cookie",
  "proxy-authorization",
  "x-vault-token",
  "x-vault-accessor",
]);

export function auditHeadersPath({ auditTable }: SystemServices): SystemPath {
  const path = definePath({
    pattern: "config/auditing/request-headers",
    fields: {},
    operations: {
      read: {
        summary: "All headers that are recorded.",
        handler: (context) => {
          const { headers } = auditTable.settings(SystemContext.of(context).transaction);
          return {
            kind: "data",
            data: { headers: Object.fromEntries(headers.map(({ name, hmac }) => [name, { hmac }])) },
          };
        },
      },
    },
    synopsis: "List the headers of requests that are recorded.",
    description: "None is, until it is named.",
  });
  return { path, access: "sudo", run: "transaction", reply: "top-level" };
}

export function auditHeaderPath({ auditTable }: SystemServices): SystemPath {
  const path = definePath({
    pattern: "config/auditing/request-headers/:header",
    fields: {
      header: { type: "string", description: "The header; letters of either case are the same." },
      hmac: { type: "bool", description: "Record its values as HMACs.", default: false },
    },
    operations: {
      read: {
        summary: "One header.",
        handler: (context, _request, fields) => {
          const name = nameOf(fields.get("header"));
          const { headers } = auditTable.settings(SystemContext.of(context).transaction);
          const found = headers.find((header) => header.name === name);
          if (found === undefined) {
            throw new LogicalError("invalid_request", "Could not find header in config", { fromState: true });
          }
          return { kind: "data", data: { [name]: { hmac: found.hmac } } };
        },
      },
      update: {
        summary: "Record it from now on.",
        handler: (context, _request, fields) => {
          const name = nameOf(fields.get("header"));
          const hmac = fields.get("hmac");
          if (!hmac && CREDENTIALS.has(name)) {
            throw new LogicalError(
              "invalid_request",
              `${name} carries a credential: it is recorded with hmac=true only`,
            );
          }
          auditTable.change(SystemContext.of(context).transaction, (state) => {
            const others = state.headers.filter((header) => header.name !== name);
            if (others.length >= MAX_HEADERS) {
              throw new LogicalError("invalid_request", `${MAX_HEADERS} headers are recorded already`, {
                fromState: true,
              });
            }
            return { ...state, headers: [...others, { name, hmac }] };
          });
          return { kind: "empty" };
        },
      },
      delete: {
        summary: "Record it no longer.",
        handler: (context, _request, fields) => {
          const name = nameOf(fields.get("header"));
          const { transaction } = SystemContext.of(context);
          if (auditTable.settings(transaction).headers.every((header) => header.name !== name))
            return { kind: "empty" };
          auditTable.change(transaction, (state) => ({
            ...state,
            headers: state.headers.filter((header) => header.name !== name),
          }));
          return { kind: "empty" };
        },
      },
    },
    synopsis: "Choose the headers of requests that are recorded.",
    description: "Headers that carry credentials are recorded as HMACs only.",
  });
  return { path, access: "sudo", run: "transaction", reply: "top-level" };
}

function nameOf(text: string | undefined): string {
  const name = (text ?? "").toLowerCase();
  if (!NAME.test(name)) throw new LogicalError("invalid_request", "this is not the name of a header");
  return name;
}
