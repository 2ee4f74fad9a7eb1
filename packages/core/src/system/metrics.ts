/** `sys/metrics`: all threads' metrics in the Prometheus text format. */
import { definePath, LogicalError } from "@strongroom/logical";
import type { SystemPath, SystemServices } from "./system-path.ts";

export function metricsPath({ dependencies }: SystemServices): SystemPath {
  const path = definePath({
    pattern: "metrics",
    fields: { format: { type: "string", description: 'Only "prometheus".', default: "prometheus" } },
    operations: {
      read: {
        summary: "The metrics of this node.",
        handler: async (_context, _request, fields) => {
          if (fields.get("format") !== "prometheus") {
            throw new LogicalError("invalid_field", 'the only format is "prometheus"');
          }
          return { kind: "data", data: { text: await dependencies.metricsText() } };
        },
      },
    },
    synopsis: "The metrics of this node.",
    description: "Prometheus text format 0.0.4.",
  });
  return { path, access: "policy", run: "effect", reply: "text" };
}
