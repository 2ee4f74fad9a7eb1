import { chmodSync, realpathSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { formatPolicy, parsePolicy } from "@strongroom/core";
import { asError } from "@strongroom/runtime";
import { type Command, defineCommand, EXIT, LocalError } from "../command.ts";
import { readText } from "../settings.ts";

export const policyFmt: Command = defineCommand({
  usage: "FILE | -",
  description: `Checks a policy, and puts its text into the usual form: in the file itself, or from standard input to standard output. What is wrong is
said with its line and column, and nothing is written then.

  strongroom policy fmt app.hcl`,
  flags: {},
  positional: { min: 1, max: 1 },
  async run(context, { positional }) {
    const [file = ""] = positional;
    const text = file === "-" ? (await context.terminal.readInput()).toString("utf8") : readText(file, "the policy");
    let formatted: string;
    try {
      parsePolicy("policy", text);
      formatted = formatPolicy(text);
    } catch (cause) {
      throw new LocalError(`${file === "-" ? "The policy" : file}: ${asError(cause).message}`, { cause });
    }
    if (file === "-") context.terminal.out(formatted);
    else {
      replaceFile(file, formatted);
      context.terminal.out(`Success! Formatted policy: ${file}\n`);
    }
    return EXIT.ok;
  },
});

/** Whole or not at all, with the mode that it had; where a link leads, and never in the place of a device or a pipe. */
function replaceFile(given: string, text: string): void {
  let part: string | undefined;
  try {
    const file = realpathSync(given);
    const stat = statSync(file);
    if (!stat.isFile()) throw new LocalError("it is not a regular file; with - the text is written to standard output");
    const name = `${file}.${process.pid}`;
    writeFileSync(name, text, { flag: "wx" });
    part = name;
    chmodSync(part, stat.mode & 0o777);
    renameSync(part, file);
  } catch (cause) {
    if (part !== undefined) rmSync(part, { force: true });
    throw new LocalError(`Cannot write ${given}: ${asError(cause).message}`, { cause });
  }
}
