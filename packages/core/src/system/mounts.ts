/** `sys/mounts`: which engine hangs where. */
import { definePath } from "@strongroom/logical";
import { mountBodies, SYSTEM_MOUNT } from "./mount-body.ts";
import { SystemContext, type SystemPath, type SystemServices } from "./system-path.ts";

export function mountsPath({ mounts }: SystemServices): SystemPath {
  const path = definePath({
    pattern: "mounts",
    fields: {},
    operations: {
      read: {
        summary: "All mounts.",
        handler: (context) => {
          const { state } = mounts.table(SystemContext.of(context).transaction, "read");
          return { kind: "data", data: mountBodies([SYSTEM_MOUNT, ...state.mounts]) };
        },
      },
    },
    synopsis: "All mounts.",
    description: "By path.",
  });
  return { path, access: "policy", run: "transaction", reply: "top-level" };
}
