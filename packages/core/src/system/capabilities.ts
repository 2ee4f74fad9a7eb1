/** `sys/capabilities`, `sys/capabilities-self` and `sys/capabilities-accessor`: what a token may do on some paths. */
import { definePath, type JsonValue } from "@strongroom/logical";
import type { Acl } from "../policy/decision.ts";
import { PATHS_FIELDS, pathsOf, tokenOfAccessor, tokenOfId } from "./policy-body.ts";
import { SystemContext, type SystemPath, type SystemServices } from "./system-path.ts";

export function capabilitiesPath({ policies, tokens }: SystemServices): SystemPath {
  const path = definePath({
    pattern: "capabilities",
    fields: {
      ...PATHS_FIELDS,
      token: {
        type: "string",
        description: "The token asked about; without it, the one of this request.",
        default: "",
      },
    },
    operations: {
      update: {
        summary: "What a token may do on some paths.",
        handler: (context, _request, fields) => {
          const { transaction, token: own } = SystemContext.of(context);
          const paths = pathsOf(fields);
          const id = fields.get("token");
          const token = id === "" ? own : tokenOfId(tokens, transaction, id, context.nowMs);
          return { kind: "data", data: capabilitiesBody(policies.aclOf(transaction, token, "read"), paths) };
        },
      },
    },
    synopsis: "What a token may do on some paths.",
    description:
      "Answers as the next request would be decided, but for parameters and wrapping, which hang on the request.",
  });
  return { path, access: "policy", run: "transaction", reply: "top-level" };
}

export function capabilitiesSelfPath({ policies }: SystemServices): SystemPath {
  const path = definePath({
    pattern: "capabilities-self",
    fields: { ...PATHS_FIELDS, token: { type: "string", description: "Ignored." } },
    operations: {
      update: {
        summary: "What this request's token may do on some paths.",
        handler: (context, _request, fields) => {
          const { transaction, token } = SystemContext.of(context);
          const paths = pathsOf(fields);
          return { kind: "data", data: capabilitiesBody(policies.aclOf(transaction, token, "read"), paths) };
        },
      },
    },
    synopsis: "What this request's token may do on some paths.",
    description: "The default policy lets every token ask.",
  });
  return { path, access: "policy", run: "transaction", reply: "top-level" };
}

export function capabilitiesAccessorPath({ policies, tokens }: SystemServices): SystemPath {
  const path = definePath({
    pattern: "capabilities-accessor",
    fields: {
      ...PATHS_FIELDS,
      accessor: { type: "string", description: "The accessor of the token asked about.", default: "" },
    },
    operations: {
      update: {
        summary: "What the token of an accessor may do on some paths.",
        handler: (context, _request, fields) => {
          const { transaction } = SystemContext.of(context);
          const paths = pathsOf(fields);
          const token = tokenOfAccessor(tokens, transaction, fields.get("accessor"), context.nowMs);
          return { kind: "data", data: capabilitiesBody(policies.aclOf(transaction, token, "read"), paths) };
        },
      },
    },
    synopsis: "What the token of an accessor may do on some paths.",
    description: "The token itself is not told.",
  });
  return { path, access: "policy", run: "transaction", reply: "top-level" };
}

/** By path; of one alone under `capabilities` too. Of several, that would look like one more path. */
function capabilitiesBody(acl: Acl, paths: readonly string[]): { readonly [key: string]: JsonValue } {
  const byPath = paths.map((path) => [path, acl.capabilities(path)] as const);
  // Own members whatever the paths are called.
  return Object.fromEntries(byPath.length === 1 ? [["capabilities", byPath[0]?.[1] ?? []], ...byPath] : byPath);
}
