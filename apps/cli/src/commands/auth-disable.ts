import type { Command } from "../command.ts";
import { AUTH, mountDisableCommand } from "../mount-commands.ts";

export const authDisable: Command = mountDisableCommand(AUTH);
