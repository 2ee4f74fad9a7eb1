/** Finds transcripts in directories and runs each by the harness that its folder or its commands call for. */

import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { confChangeHandler } from "./confchange.ts";
import {
  type Directive,
  type Failure,
  type Handler,
  outputOf,
  parseTranscript,
  rewriteTranscript,
  runTranscript,
} from "./datadriven.ts";
import { interactionHandler } from "./interaction.ts";
import { quorumHandler } from "./quorum.ts";

export interface FileResult {
  readonly file: string;
  readonly passed: number;
  readonly failures: readonly Failure[];
}

export interface SuiteOptions {
  /** Compare the nodes' log lines too. */
  readonly logLines: boolean;
}

/** Runs all `.txt` files below `directory`. Throws if there is none. */
export function runDirectory(directory: string, options: SuiteOptions): readonly FileResult[] {
  const normalise = options.logLines ? (text: string): string => text : withoutLogLines;
  return readTranscripts(directory).map(({ path, directives }) => {
    return { file: path, ...runTranscript(directives, handlerFor(directives), normalise) };
  });
}

/** Writes what each directive prints now into the files below `directory`. For our own: what changed is to be read. */
export function rewriteDirectory(directory: string): void {
  for (const { path, text, directives } of readTranscripts(directory)) {
    const handler = handlerFor(directives);
    const outputs = directives.map((directive) => outputOf(directive, handler));
    writeFileSync(path, rewriteTranscript(text, directives, outputs));
  }
}

interface Transcript {
  readonly path: string;
  readonly text: string;
  readonly directives: readonly Directive[];
}

function readTranscripts(directory: string): readonly Transcript[] {
  if (!existsSync(directory) || !statSync(directory).isDirectory()) throw new Error(`${directory} is no directory`);
  const files = (readdirSync(directory, { recursive: true }) as string[])
    .filter((name) => name.endsWith(".txt"))
    .sort();
  if (files.length === 0) throw new Error(`${directory} holds no transcripts (*.txt)`);
  return files.map((name) => {
    const path = join(directory, name);
    const text = readFileSync(path, "utf8");
    const directives = parseTranscript(name, text);
    if (directives.length === 0) throw new Error(`${path} holds no directives`);
    return { path, text, directives };
  });
}

const QUORUM_COMMANDS: ReadonlySet<string> = new Set(["committed", "vote"]);
const CONF_CHANGE_COMMANDS: ReadonlySet<string> = new Set(["simple", "enter-joint", "leave-joint"]);

// The three kinds share no command, so that a file's first one tells its kind.
function handlerFor([first]: readonly Directive[]): Handler {
  if (first !== undefined && QUORUM_COMMANDS.has(first.command)) return quorumHandler();
  if (first !== undefined && CONF_CHANGE_COMMANDS.has(first.command)) return confChangeHandler();
  return interactionHandler();
}

// A directive that printed nothing but log lines counts as one that printed nothing.
function withoutLogLines(text: string): string {
  const kept = text.split("\n").filter((line) => !/^\s*(DEBUG|INFO|WARN|ERROR|FATAL) /.test(line));
  const joined = kept.join("\n");
  return joined === "" ? "ok\n" : joined;
}

/** A failure as a diff: `-` expected, `+` actual, with what both share between. */
export function describeFailure({ position, command, expected, actual }: Failure): string {
  const wanted = expected.split("\n");
  const got = actual.split("\n");
  let first = 0;
  while (first < wanted.length && first < got.length && wanted[first] === got[first]) first++;
  let shared = 0;
  while (
    shared < wanted.length - first &&
    shared < got.length - first &&
    wanted[wanted.length - 1 - shared] === got[got.length - 1 - shared]
  ) {
    shared++;
  }
  return [
    `--- ${position} (${command}), expected`,
    "+++ actual",
    ...wanted.slice(Math.max(0, first - 3), first).map((line) => `  ${line}`),
    ...wanted.slice(first, wanted.length - shared).map((line) => `- ${line}`),
    ...got.slice(first, got.length - shared).map((line) => `+ ${line}`),
    ...wanted.slice(wanted.length - shared, wanted.length - shared + 3).map((line) => `  ${line}`),
  ].join("\n");
}
