import type { Command } from "../command.ts";
import { mountDisableCommand, SECRETS } from "../mount-commands.ts";

export const secretsDisable: Command = mountDisableCommand(SECRETS);
