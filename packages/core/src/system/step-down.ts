/** `sys/step-down`: hands leadership to another voter. */
import { definePath } from "@strongroom/logical";
import { SystemContext, type SystemPath, type SystemServices } from "./system-path.ts";

export function stepDownPath({ dependencies }: SystemServices): SystemPath {
  const path = definePath({
    pattern: "step-down",
    fields: {},
    operations: {
      update: {
        summary: "Give up leadership.",
        handler: async (context) => {
          await dependencies.cluster.stepDown(SystemContext.of(context).request.deadlineMs);
          return { kind: "empty" };
        },
      },
    },
    synopsis: "Give up leadership.",
    description:
      "Leadership goes to the voter that has caught up furthest. Nothing happens on a node that does not lead.",
  });
  return { path, access: "sudo", run: "effect", reply: "envelope" };
}
