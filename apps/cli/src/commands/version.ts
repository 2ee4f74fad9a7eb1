import { readFileSync } from "node:fs";
import { type Command, defineCommand, EXIT } from "../command.ts";

export const version: Command = defineCommand({
  usage: "",
  description: "Prints the version of this program and of the Node that runs it.",
  flags: {},
  positional: { min: 0, max: 0 },
  async run({ terminal }) {
    const manifest = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as {
      readonly version: string;
    };
    terminal.out(`Strongroom v${manifest.version} (Node ${process.versions.node})\n`);
    return EXIT.ok;
  },
});
