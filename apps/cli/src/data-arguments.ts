/**
 * `key=value` arguments as Vault's tool takes them: `key=@file` reads the value from a file, `key=-` from standard input,
 * `@file` or `-` alone is a whole JSON object. On a terminal a value typed in the open earns a warning, since it stays in
 * the shell's history and shows in the process list.
 */
import { type Context, LocalError } from "./command.ts";
import { readText } from "./settings.ts";

/** The request's JSON text. An object given whole is passed on byte by byte, so that big numbers survive. */
export async function dataArguments(context: Context, args: readonly string[]): Promise<string> {
  if (args.length === 1 && (args[0] === "-" || args[0]?.startsWith("@") === true)) {
    return checkObject(
      args[0] === "-" ? decode(await context.terminal.readInput()) : readText(args[0].slice(1), "the data"),
    );
  }
  const members = new Map<string, string>();
  let inOpen = false;
  for (const argument of args) {
    const at = argument.indexOf("=");
    if (at <= 0)
      throw new LocalError(
        `Invalid data "${argument}": give key=value, key=@file, key=-, or one @file or - with a JSON object.`,
      );
    const value = argument.slice(at + 1);
    if (value === "-") members.set(argument.slice(0, at), decode(await context.terminal.readInput()));
    else if (value.startsWith("@")) members.set(argument.slice(0, at), readText(value.slice(1), "the value"));
    else {
      members.set(argument.slice(0, at), value.startsWith("\\@") ? value.slice(1) : value);
      inOpen = true;
    }
  }
  if (inOpen && context.terminal.interactive) {
    context.terminal.error(
      "WARNING! A value given as key=value stays in the shell's history. Use key=-, key=@file, or @file.json for secrets.\n",
    );
  }
  return `{${[...members].map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`).join(",")}}`;
}

function decode(bytes: Buffer): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new LocalError("The data is not valid UTF-8. Encode binary values first, for instance with base64.", {
      cause,
    });
  }
}

function checkObject(text: string): string {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return text;
  } catch (cause) {
    throw new LocalError(`The data is not JSON: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
  throw new LocalError("The data is not a JSON object.");
}
