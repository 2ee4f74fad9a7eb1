import { LocalError } from "./command.ts";

/** `key=value` arguments as query parameters. */
export function queryArguments(args: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    args.map((argument) => {
      const at = argument.indexOf("=");
      if (at <= 0) throw new LocalError(`Invalid parameter "${argument}": give key=value.`);
      return [argument.slice(0, at), argument.slice(at + 1)];
    }),
  );
}
