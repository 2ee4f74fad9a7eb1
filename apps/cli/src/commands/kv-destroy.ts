import type { Command } from "../command.ts";
import { kvVersionsCommand } from "../kv-versions-command.ts";

export const kvDestroy: Command = kvVersionsCommand(
  "destroy",
  "Removes versions' data for good; nothing brings it back.\n\n  strongroom kv destroy -versions=1,2 secret/app",
);
