import type { Command } from "../command.ts";
import { AUTH, mountTuneCommand } from "../mount-commands.ts";

export const authTune: Command = mountTuneCommand(AUTH);
