import type { Command } from "../command.ts";
import { AUTH, mountMoveCommand } from "../mount-commands.ts";

export const authMove: Command = mountMoveCommand(AUTH);
