/** `sys/audit-hash/:path`: what a value looks like in the records. */
import { definePath, LogicalError } from "@strongroom/logical";
import { devicePath } from "./audit.ts";
import { SystemContext, type SystemPath, type SystemServices } from "./system-path.ts";

export function auditHashPath({ auditTable, dependencies }: SystemServices): SystemPath {
  const path = definePath({
    pattern: "audit-hash/*path",
    fields: {
      path: { type: "string", description: "An audit device." },
      input: { type: "string", description: "The value." },
    },
    operations: {
      update: {
        summary: "The HMAC of a value.",
        handler: (context, _request, fields) => {
          const input = fields.get("input");
          if (input === undefined || input === "")
            throw new LogicalError("invalid_request", 'the "input" parameter is empty');
          const at = devicePath(fields.get("path"));
          const { devices } = auditTable.settings(SystemContext.of(context).transaction);
          if (devices.every(({ path }) => path !== at)) {
            throw new LogicalError("invalid_request", `unknown audit backend "${at}"`, { fromState: true });
          }
          return { kind: "data", data: { hash: dependencies.audit.hash(input) } };
        },
      },
    },
    synopsis: "The HMAC of a value, to look for it in the records.",
    description: "All devices and nodes have one salt: a value has one HMAC, also after a restart.",
  });
  return { path, access: "policy", run: "transaction", reply: "top-level" };
}
