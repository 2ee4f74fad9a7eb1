import type { Command } from "../command.ts";
import { mountMoveCommand, SECRETS } from "../mount-commands.ts";

export const secretsMove: Command = mountMoveCommand(SECRETS);
