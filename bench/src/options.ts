/** The options of a benchmark: each has a default, whose type is the option's, and a line of help. */
import { parseArgs } from "node:util";

type Option = readonly [fallback: number | string, help: string];
type Values<T extends Readonly<Record<string, Option>>> = {
  readonly [K in keyof T]: T[K][0] extends number ? number : string;
};

/** Ends the program with a text instead of figures: help that was asked for (exit code 0), or what is wrong (1). */
export class UsageError extends Error {
  override readonly name = "UsageError";

  readonly exitCode: 0 | 1;

  constructor(message: string, exitCode: 0 | 1 = 1) {
    super(message);
    this.exitCode = exitCode;
  }
}

/** @throws {UsageError} for `--help`, an option that does not exist, and a number that is none. */
export function benchOptions<const T extends Readonly<Record<string, Option>>>(
  args: readonly string[],
  options: T,
): Values<T> {
  const given = parse(args, Object.keys(options));
  if (given["help"] === true) throw new UsageError(helpOf(options), 0);
  const values = Object.entries(options).map(([name, [fallback]]) => {
    const text = given[name];
    if (typeof text !== "string") return [name, fallback];
    if (typeof fallback === "string") return [name, text];
    if (!/^\d+(\.\d+)?$/.test(text)) throw new UsageError(`--${name} is a number, not "${text}"`);
    return [name, Number(text)];
  });
  return Object.fromEntries(values) as Values<T>;
}

function parse(args: readonly string[], names: readonly string[]): Readonly<Record<string, unknown>> {
  const strings = names.map((name) => [name, { type: "string" }] as const);
  try {
    return parseArgs({ args: [...args], options: { ...Object.fromEntries(strings), help: { type: "boolean" } } })
      .values;
  } catch (error) {
    throw new UsageError(`${(error as Error).message}\n--help lists the options.`);
  }
}

function helpOf(options: Readonly<Record<string, Option>>): string {
  const lines = Object.entries(options).map(
    ([name, [fallback, help]]) => `  --${name.padEnd(12)} ${help}${fallback === "" ? "" : ` (${fallback})`}`,
  );
  return `Options, with what they are unless told:\n${lines.join("\n")}`;
}
