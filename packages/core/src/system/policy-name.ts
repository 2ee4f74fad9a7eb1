/** `sys/policy/:name`: one policy, in the shape of old clients: its text is called `rules`. */
import { definePath, withWarnings } from "@strongroom/logical";
import { requirePolicyName } from "../policy/policy-name.ts";
import { policyTextOf } from "./policy-body.ts";
import { SystemContext, type SystemPath, type SystemServices } from "./system-path.ts";

export function policyNamePath({ policies }: SystemServices): SystemPath {
  const path = definePath({
    pattern: "policy/*name",
    fields: {
      name: { type: "string", description: "The policy's name; letters of either case are the same." },
      policy: { type: "string", description: "Its text in HCL or JSON, plain or in base64.", default: "" },
      rules: { type: "string", description: "The old name of policy.", default: "" },
    },
    operations: {
      read: {
        summary: "A policy's text.",
        handler: (context, _request, fields) => {
          const name = requirePolicyName(fields.get("name") ?? "");
          const policy = policies.get(SystemContext.of(context).transaction, name);
          if (policy === undefined) return { kind: "not-found" };
          return { kind: "data", data: { name: policy.name, rules: policy.text } };
        },
      },
      update: {
        summary: "Write a policy.",
        handler: (context, _request, fields) => {
          const name = requirePolicyName(fields.get("name") ?? "");
          const old = fields.get("policy") === "" && fields.get("rules") !== "";
          const text = policyTextOf(old ? fields.get("rules") : fields.get("policy"));
          policies.put(SystemContext.of(context).transaction, name, text);
          return withWarnings({ kind: "empty" }, old ? ["'rules' is deprecated, please use 'policy' instead"] : []);
        },
      },
      delete: {
        summary: "Delete a policy.",
        handler: (context, _request, fields) => {
          policies.delete(SystemContext.of(context).transaction, requirePolicyName(fields.get("name") ?? ""));
          return { kind: "empty" };
        },
      },
    },
    synopsis: "Read, write and delete policies.",
    description: "As sys/policies/acl/:name, for old clients.",
  });
  return { path, access: "policy", run: "transaction", reply: "top-level" };
}
