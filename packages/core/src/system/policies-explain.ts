/** `sys/policies/explain`: why a request would be allowed or denied, without making it. */
import { definePath, type JsonValue, LogicalError, OPERATIONS } from "@strongroom/logical";
import type { CompiledAcl } from "../policy/acl.ts";
import type { AclOperation, AclQuery } from "../policy/decision.ts";
import { type Explanation, explain } from "../policy/explain.ts";
import { tokenOfAccessor, tokenOfId } from "./policy-body.ts";
import { SystemContext, type SystemPath, type SystemServices } from "./system-path.ts";

const MAX_PATH_LENGTH = 4_096;

export function policiesExplainPath({ policies, tokens }: SystemServices): SystemPath {
  const path = definePath({
    pattern: "policies/explain",
    fields: {
      path: {
        type: "string",
        description: "The path of the request, as the API has it: secret/data/app.",
        default: "",
      },
      operation: { type: "string", description: `One of ${OPERATIONS.join(", ")}.`, default: "read" },
      parameters: { type: "object", description: "The request's parameters, where rules restrict them." },
      wrap_ttl: { type: "duration", description: "For how long the answer is to be wrapped." },
      sudo: { type: "bool", description: "The endpoint asks for the sudo capability too.", default: false },
      token: {
        type: "string",
        description: "Another token than this request's: takes what sys/capabilities takes.",
        default: "",
      },
      accessor: {
        type: "string",
        description: "Another token, by its accessor: takes what sys/capabilities-accessor takes.",
        default: "",
      },
    },
    operations: {
      update: {
        summary: "Why a request would be allowed or denied.",
        handler: (context, _request, fields) => {
          const { transaction, token: own } = SystemContext.of(context);
          const acl = policies.aclOf(transaction, own, "read");
          const [id, accessor] = [fields.get("token"), fields.get("accessor")];
          let token = own;
          if (id !== "" || accessor !== "") {
            requireCapabilities(acl, id === "" ? "sys/capabilities-accessor" : "sys/capabilities");
            token =
              id === ""
                ? tokenOfAccessor(tokens, transaction, accessor, context.nowMs)
                : tokenOfId(tokens, transaction, id, context.nowMs);
          }
          const parameters = fields.get("parameters");
          const wrapTtlSeconds = fields.get("wrap_ttl");
          const query: AclQuery = {
            path: pathOf(fields.get("path")),
            operation: operationOf(fields.get("operation")),
            sudo: fields.get("sudo"),
            ...(parameters?.isObject() === true ? { parameters } : undefined),
            ...(wrapTtlSeconds === undefined ? undefined : { wrapTtlSeconds }),
          };
          const explanation = explain(
            token === own ? acl : policies.aclOf(transaction, token, "read"),
            query,
            token.policies.every((name) => mayRead(acl, name)),
          );
          return { kind: "data", data: explanationBody(query, explanation, token.policies) };
        },
      },
    },
    synopsis: "Why a request would be allowed or denied.",
    description:
      "Nothing is executed, and whether anything lies at the path is not looked at. Where rules stand and what they say is " +
      "told to those who may read every policy of the token asked about; all others hear the outcome, what is granted on " +
      "the path, and the rule that would grant the rest.",
  });
  return { path, access: "policy", run: "transaction", reply: "envelope" };
}

function pathOf(raw: string): string {
  const path = raw.replace(/^\/+/, "");
  if (path === "" || path.length > MAX_PATH_LENGTH) {
    throw new LogicalError("invalid_request", `a path of 1 to ${MAX_PATH_LENGTH} characters must be supplied`);
  }
  return path;
}

function operationOf(raw: string): AclOperation {
  const operation = OPERATIONS.find((candidate) => candidate === raw);
  if (operation === undefined) {
    throw new LogicalError("invalid_request", `operation must be one of ${OPERATIONS.join(", ")}`);
  }
  return operation;
}

/** About another token this tells what `sys/capabilities` tells, so it takes the same right. Throws `LogicalError`. */
function requireCapabilities(acl: CompiledAcl, path: string): void {
  if (acl.check({ path, operation: "update" }).outcome === "allowed") return;
  throw new LogicalError("permission_denied", `asking about another token takes update on ${path}`, {
    fromState: true,
  });
}

function mayRead(acl: CompiledAcl, policy: string): boolean {
  const reads = (path: string): boolean => acl.check({ path, operation: "read" }).outcome === "allowed";
  return reads(`sys/policies/acl/${policy}`) || reads(`sys/policy/${policy}`);
}

function explanationBody(
  { path, operation }: AclQuery,
  explanation: Explanation,
  policies: readonly string[],
): { readonly [key: string]: JsonValue } {
  const { outcome, reason, capability, text, granted, rules, overruled, suggestion, hints } = explanation;
  const place = ({ policy, pattern, at }: Explanation["rules"][number]): { readonly [key: string]: JsonValue } => {
    return { policy, path: pattern, line: at.line, column: at.column };
  };
  return {
    path,
    operation,
    allowed: outcome === "allowed",
    depends_on_parameters: outcome === "parameters",
    reason,
    explanation: text,
    required_capability: capability ?? "",
    capabilities: granted,
    policies,
    rules: rules.map(place),
    overruled: overruled.map((rule) => ({ ...place(rule), because: rule.because })),
    suggestion: suggestion ?? "",
    hints,
  };
}
