/** Finds the command, reads its flags, runs it, and turns what it throws into a sentence and an exit code. */
import { asError } from "@strongroom/runtime";
import { type Context, EXIT, LocalError } from "./command.ts";
import { COMMANDS } from "./commands.ts";
import { parseFlags } from "./flags.ts";
import { commandHelp, overview } from "./help.ts";
import { nearest } from "./nearest.ts";
import { RequestPreview } from "./request-preview.ts";
import { processTerminal, withoutPrompts } from "./terminal.ts";

/** In words. */
const LONGEST_NAME: number = Math.max(...Object.keys(COMMANDS).map((name) => name.split(" ").length));
const HELP_WORDS = new Set(["help", "-h", "-help", "--help"]);
const VERSION_WORDS = new Set(["-v", "-version", "--version"]);

/** Runs one command line, without the program's name; returns the exit code. */
export async function main(args: readonly string[], given: Partial<Context> = {}): Promise<number> {
  const context: Context = { terminal: processTerminal(), environment: process.env, ...given };
  try {
    return await dispatch(context, args);
  } catch (thrown) {
    if (thrown instanceof RequestPreview) {
      context.terminal.out(thrown.text);
      return EXIT.ok;
    }
    const error = asError(thrown);
    context.terminal.error(`${error.message}\n`);
    return "code" in error && error.code === "remote" ? EXIT.remote : EXIT.local;
  }
}

async function dispatch(context: Context, args: readonly string[]): Promise<number> {
  const first = args[0];
  if (first !== undefined && VERSION_WORDS.has(first)) return dispatch(context, ["version"]);
  if (first === undefined || HELP_WORDS.has(first)) {
    const words = args.slice(1).filter((word) => !word.startsWith("-"));
    if (words.length > 0) return dispatch(context, [...words, "-help"]);
    context.terminal.out(overview(""));
    return first === undefined ? EXIT.local : EXIT.ok;
  }
  const { name, rest } = resolve(args);
  if (name === undefined) return unknown(context, args);
  const command = await COMMANDS[name]?.load();
  if (command === undefined) return unknown(context, args);
  const { flags, positional, help } = parseFlags(rest, command.flags);
  if (help) {
    context.terminal.out(commandHelp(name, command));
    return EXIT.ok;
  }
  if (positional.length < command.positional.min || positional.length > command.positional.max) {
    const few = positional.length < command.positional.min;
    throw new LocalError(
      `${few ? "Not enough" : "Too many"} arguments.\n\nUsage: strongroom ${name} ${command.usage}\n\nMore: strongroom ${name} -help`,
    );
  }
  const asked =
    flags["non-interactive"] === true ? { ...context, terminal: withoutPrompts(context.terminal) } : context;
  return command.run(asked, { flags, positional });
}

/** The longest command name that the arguments begin with. */
function resolve(args: readonly string[]): { name: string | undefined; rest: readonly string[] } {
  for (let length = Math.min(LONGEST_NAME, args.length); length > 0; length--) {
    const name = args.slice(0, length).join(" ");
    if (Object.hasOwn(COMMANDS, name)) return { name, rest: args.slice(length) };
  }
  return { name: undefined, rest: args };
}

function unknown(context: Context, args: readonly string[]): number {
  const words = args.filter((word) => !word.startsWith("-"));
  // `strongroom kv`, `strongroom operator raft`: a group; show what is in it.
  for (let length = Math.min(LONGEST_NAME - 1, words.length); length > 0; length--) {
    const group = words.slice(0, length).join(" ");
    if (!Object.keys(COMMANDS).some((name) => name.startsWith(`${group} `))) continue;
    const asked = words.length === length;
    if (asked) context.terminal.out(overview(group));
    else context.terminal.error(`There is no command "${words.slice(0, length + 1).join(" ")}".\n\n${overview(group)}`);
    return asked && args.some((word) => HELP_WORDS.has(word)) ? EXIT.ok : EXIT.local;
  }
  const typed = words[0] ?? "";
  const suggestion = nearest(typed, [...new Set(Object.keys(COMMANDS).map((name) => name.split(" ")[0] ?? ""))]);
  context.terminal.error(
    `There is no command "${typed}".${suggestion === undefined ? "" : ` Did you mean "${suggestion}"?`} All commands: strongroom help\n`,
  );
  return EXIT.local;
}
