import type { Command } from "../command.ts";
import { AUTH, mountListCommand } from "../mount-commands.ts";

export const authList: Command = mountListCommand(AUTH);
