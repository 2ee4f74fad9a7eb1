import type { Command } from "../command.ts";
import { AUTH, mountEnableCommand } from "../mount-commands.ts";

export const authEnable: Command = mountEnableCommand(AUTH);
