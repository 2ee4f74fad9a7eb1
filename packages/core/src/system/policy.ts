/** `sys/policy`: the names of all policies, in the shape of old clients. */
import { definePath, type LogicalResponse, type RequestContext } from "@strongroom/logical";
import { SystemContext, type SystemPath, type SystemServices } from "./system-path.ts";

export function policyPath({ policies }: SystemServices): SystemPath {
  const names = async (context: RequestContext): Promise<LogicalResponse> => {
    const keys = await policies.list(SystemContext.of(context).transaction);
    return { kind: "data", data: { keys, policies: keys } };
  };
  const path = definePath({
    pattern: "policy",
    fields: {},
    operations: {
      read: { summary: "The names of all policies.", handler: names },
      list: { summary: "The names of all policies.", handler: names },
    },
    synopsis: "The names of all policies.",
    description: "As sys/policies/acl, for old clients.",
  });
  return { path, access: "policy", run: "transaction", reply: "top-level" };
}
