/** `sys/audit-status`: how the audit devices of the node asked are doing. */
import { definePath } from "@strongroom/logical";
import type { SystemPath, SystemServices } from "./system-path.ts";

export function auditStatusPath({ dependencies }: SystemServices): SystemPath {
  const path = definePath({
    pattern: "audit-status",
    fields: {},
    operations: {
      read: {
        summary: "The audit devices of this node.",
        handler: async () => {
          const statuses = dependencies.auditDevices.statuses();
          const devices = statuses.map(({ path: at, type, error, lagBytes, delivered }) => [
            at,
            { type, error, lag_bytes: lagBytes, delivered },
          ]);
          return { kind: "data", data: { devices: Object.fromEntries(devices) } };
        },
      },
    },
    synopsis: "The audit devices of the node asked.",
    description:
      "`error` is empty while a device takes what it is given, `lag_bytes` is what this node has recorded and the device has not " +
      "had, `delivered` counts records since the node was opened.",
  });
  return { path, access: "policy", run: "effect", reply: "envelope" };
}
