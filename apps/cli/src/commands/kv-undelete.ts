import type { Command } from "../command.ts";
import { kvVersionsCommand } from "../kv-versions-command.ts";

export const kvUndelete: Command = kvVersionsCommand(
  "undelete",
  "Brings deleted versions back.\n\n  strongroom kv undelete -versions=3 secret/app",
);
