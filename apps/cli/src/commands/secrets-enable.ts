import type { Command } from "../command.ts";
import { mountEnableCommand, SECRETS } from "../mount-commands.ts";

export const secretsEnable: Command = mountEnableCommand(SECRETS);
