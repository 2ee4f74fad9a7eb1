/**
 * Vault's flags: `-name=value`, `-name value`, `--name=value`, a bare `-name` for a switch. Unknown flags are refused with
 * the nearest known one.
 */
import parse from "yargs-parser";
import { LocalError } from "./command.ts";
import { nearest } from "./nearest.ts";

interface FlagDeclaration {
  readonly kind: "string" | "switch" | "integer" | "list";
  readonly help: string;
  /** What stands for the value in the help text. */
  readonly value?: string;
  /** Vault's shorter name for the same. */
  readonly alias?: string;
}

export type FlagDeclarations = Readonly<Record<string, FlagDeclaration>>;

type FlagValue<Kind> = Kind extends "switch"
  ? boolean
  : Kind extends "integer"
    ? number | undefined
    : Kind extends "list"
      ? readonly string[]
      : string | undefined;

export type FlagValues<Flags extends FlagDeclarations> = {
  readonly [Name in keyof Flags]: FlagValue<Flags[Name]["kind"]>;
};

export interface ParsedArguments {
  readonly flags: FlagValues<FlagDeclarations>;
  readonly positional: readonly string[];
  readonly help: boolean;
}

const CONFIGURATION = {
  "short-option-groups": false,
  "camel-case-expansion": false,
  "dot-notation": false,
  "parse-numbers": false,
  "parse-positional-numbers": false,
  "boolean-negation": false,
  // A list takes one value a flag: what follows is positional.
  "greedy-arrays": false,
  "populate--": true,
  "unknown-options-as-args": true,
};

export function parseFlags(args: readonly string[], declarations: FlagDeclarations): ParsedArguments {
  const names = Object.keys(declarations);
  const aliases = Object.entries(declarations).flatMap(([name, { alias }]) =>
    alias === undefined ? [] : [[name, alias]],
  );
  const ofKind = (...kinds: string[]) => names.filter((name) => kinds.includes(declarations[name]?.kind ?? ""));
  const parsed = parse(checked(args, declarations), {
    configuration: CONFIGURATION,
    string: ofKind("string", "integer"),
    boolean: [...ofKind("switch"), "help", "h"],
    array: ofKind("list"),
    alias: Object.fromEntries(aliases) as Record<string, string>,
  });
  const positional = [...parsed._.map(String), ...(parsed["--"] ?? []).map(String)];
  const literal = new Set((parsed["--"] ?? []).map(String));
  for (const argument of positional) {
    if (argument.startsWith("-") && argument !== "-" && !literal.has(argument)) throw unknownFlag(argument, names);
  }
  const flags: Record<string, unknown> = {};
  for (const [name, declaration] of Object.entries(declarations))
    flags[name] = valueOfFlag(name, declaration, parsed[name]);
  return {
    flags: flags as FlagValues<FlagDeclarations>,
    positional,
    help: parsed["help"] === true || parsed["h"] === true,
  };
}

/**
 * The parser lets a missing value be an empty one and any value of a switch be true; neither is what was meant. Throws
 * `LocalError`.
 */
function checked(args: readonly string[], declarations: FlagDeclarations): string[] {
  const end = args.indexOf("--");
  const mayBeFlags = end < 0 ? args.length : end;
  return args.map((argument, i) => {
    const [, name = "", value] = /^--?([^=]+)(?:=(.*))?$/s.exec(argument) ?? [];
    const kind = Object.hasOwn(declarations, name) ? declarations[name]?.kind : undefined;
    if (i >= mayBeFlags || kind === undefined) return argument;
    if (kind === "switch") return value === undefined ? argument : `--${name}=${switchValue(name, value)}`;
    const next = i + 1 < mayBeFlags ? args[i + 1] : undefined;
    if (value === undefined && (next === undefined || /^-[^\d]/.test(next)))
      throw new LocalError(`Flag -${name} needs a value.`);
    return argument;
  });
}

/** As Go reads a boolean, which is what scripts made for Vault have. */
function switchValue(name: string, value: string): boolean {
  if (/^(1|t|true)$/i.test(value)) return true;
  if (/^(0|f|false)$/i.test(value)) return false;
  throw new LocalError(`Invalid value "${value}" for flag -${name}: it is a switch, so true or false.`);
}

function valueOfFlag(name: string, declaration: FlagDeclaration, given: unknown): unknown {
  switch (declaration.kind) {
    case "switch":
      return given === true;
    case "list":
      return Array.isArray(given) ? given.map(String) : [];
    case "string":
      return last(given);
    case "integer": {
      const text = last(given);
      if (text === undefined) return undefined;
      if (!/^-?\d{1,15}$/.test(text))
        throw new LocalError(`Invalid value "${text}" for flag -${name}: it takes a whole number.`);
      return Number(text);
    }
  }
}

/** Of a flag given more than once the last one counts, as in Go's flag package. */
function last(given: unknown): string | undefined {
  if (given === undefined) return undefined;
  return String(Array.isArray(given) ? given.at(-1) : given);
}

function unknownFlag(argument: string, names: readonly string[]): LocalError {
  const name = argument.replace(/^--?/, "").replace(/=.*$/s, "");
  const suggestion = nearest(name, names);
  return new LocalError(
    `Flag provided but not defined: -${name}.${suggestion === undefined ? "" : ` Did you mean -${suggestion}?`}`,
  );
}
