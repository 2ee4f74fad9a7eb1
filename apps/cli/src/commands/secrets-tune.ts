import type { Command } from "../command.ts";
import { mountTuneCommand, SECRETS } from "../mount-commands.ts";

export const secretsTune: Command = mountTuneCommand(SECRETS);
