import type { Command } from "../command.ts";
import { pathHelp } from "./path-help.ts";

export const authHelp: Command = {
  ...pathHelp,
  usage: "[options] PATH",
  description: "Shows the help of the auth method at PATH.\n\n  strongroom auth help userpass",
  run: (context, { flags, positional }) =>
    pathHelp.run(context, { flags, positional: [`auth/${(positional[0] ?? "").replace(/^auth\//, "")}`] }),
};
