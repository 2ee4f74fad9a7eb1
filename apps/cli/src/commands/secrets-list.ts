import type { Command } from "../command.ts";
import { mountListCommand, SECRETS } from "../mount-commands.ts";

export const secretsList: Command = mountListCommand(SECRETS);
