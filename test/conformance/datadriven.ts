/**
 * Transcripts: files of directives, each a command line, perhaps input lines, a line `----`, and the output that is
 * expected, up to a blank line (or, between two lines `----`, up to two more of them). The format is that of
 * cockroachdb/datadriven, in which etcd's raft keeps its golden files.
 */

export interface Argument {
  readonly key: string;
  readonly values: readonly string[];
}

export interface Directive {
  /** Where it stands: `file:line`. */
  readonly position: string;
  readonly command: string;
  readonly args: readonly Argument[];
  readonly input: string;
  /** With its final newline; empty if nothing is expected. */
  readonly expected: string;
  /** The lines, from 0 on and the last excluded, that `expected` takes in its file. */
  readonly expectedLines: readonly [number, number];
}

const SEPARATOR = "----";

/** Parses a file. Throws on text that is no transcript. */
export function parseTranscript(name: string, text: string): readonly Directive[] {
  const lines = text.split("\n");
  const directives: Directive[] = [];
  let at = 0;
  while (at < lines.length) {
    const first = at;
    let line = lines[at++] as string;
    if (line.trim() === "" || line.startsWith("#")) continue;
    while (line.endsWith("\\") && at < lines.length) line = line.slice(0, -1) + (lines[at++] as string).trimStart();
    const position = `${name}:${first + 1}`;
    const [command, ...args] = parseLine(position, line);
    if (command === undefined || command.values.length > 0) throw new Error(`${position}: no command in "${line}"`);
    const input: string[] = [];
    while (at < lines.length && lines[at] !== SEPARATOR) input.push(lines[at++] as string);
    if (at === lines.length) throw new Error(`${position}: no ${SEPARATOR} follows`);
    at++;
    const expected: string[] = [];
    const expectedFrom = at;
    if (lines[at] === SEPARATOR) {
      at++;
      while (at < lines.length && !(lines[at] === SEPARATOR && lines[at + 1] === SEPARATOR))
        expected.push(lines[at++] as string);
      at += 2;
    } else {
      while (at < lines.length && lines[at] !== "") expected.push(lines[at++] as string);
    }
    directives.push({
      position,
      command: command.key,
      args,
      input: input.join("\n"),
      expected: expected.map((one) => `${one}\n`).join(""),
      expectedLines: [expectedFrom, at],
    });
  }
  return directives;
}

// Words, `key=value` and `key=(value, value)`, separated by blanks.
function parseLine(position: string, line: string): readonly Argument[] {
  const args: Argument[] = [];
  let rest = line.trim();
  while (rest !== "") {
    const match = /^([^\s=]+)(?:=(\([^)]*\)|\S*))?(?:\s+|$)/.exec(rest);
    if (match === null) throw new Error(`${position}: cannot read "${rest}"`);
    const [all, key, value] = match;
    args.push({ key: key as string, values: value === undefined ? [] : splitValue(value) });
    rest = rest.slice(all.length);
  }
  return args;
}

function splitValue(value: string): readonly string[] {
  if (!value.startsWith("(")) return [value];
  return value
    .slice(1, -1)
    .split(",")
    .map((one) => one.trim());
}

export type Handler = (directive: Directive) => string;

export interface Failure {
  readonly position: string;
  readonly command: string;
  readonly expected: string;
  readonly actual: string;
}

export interface Outcome {
  readonly passed: number;
  readonly failures: readonly Failure[];
}

/** Runs all directives in order through `handler`. `normalise` prepares both texts for the comparison. */
export function runTranscript(
  directives: readonly Directive[],
  handler: Handler,
  normalise: (output: string) => string,
): Outcome {
  let passed = 0;
  const failures: Failure[] = [];
  for (const directive of directives) {
    const actual = outputOf(directive, handler);
    if (normalise(actual) === normalise(directive.expected)) passed++;
    else
      failures.push({ position: directive.position, command: directive.command, expected: directive.expected, actual });
  }
  return { passed, failures };
}

/** What `directive` prints, with a final newline. What it throws is printed too, so that the rest still runs. */
export function outputOf(directive: Directive, handler: Handler): string {
  let output: string;
  try {
    output = handler(directive);
  } catch (error) {
    output = `threw: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`;
  }
  return output === "" || output.endsWith("\n") ? output : `${output}\n`;
}

/** `text` with the output of each of its directives as `outputs` has them, in order. Outputs hold no blank lines. */
export function rewriteTranscript(text: string, directives: readonly Directive[], outputs: readonly string[]): string {
  const lines = text.split("\n");
  for (let i = directives.length - 1; i >= 0; i--) {
    const [from, to] = (directives[i] as Directive).expectedLines;
    lines.splice(from, to - from, ...(outputs[i] as string).trimEnd().split("\n"));
  }
  return lines.join("\n");
}

/** The argument `key`'s values, or none. */
export function valuesOf(directive: Directive, key: string): readonly string[] {
  return directive.args.find((arg) => arg.key === key)?.values ?? [];
}

/** The arguments without values, in order. */
export function wordsOf(directive: Directive): readonly string[] {
  return directive.args.filter((arg) => arg.values.length === 0).map((arg) => arg.key);
}
