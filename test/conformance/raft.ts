/**
 * `npm run conformance:raft -- [--no-log-lines] [DIR…]`: runs transcripts against the Raft core and compares
 * exactly. Without a directory it runs the project's own; etcd's golden files are read from wherever they lie.
 * `--rewrite` writes what comes out into the files instead, to be reviewed as a diff.
 */

import { fileURLToPath } from "node:url";
import { describeFailure, rewriteDirectory, runDirectory } from "./suite.ts";

const OWN_TRANSCRIPTS = fileURLToPath(new URL("../../packages/raft/testdata", import.meta.url));

const OPTIONS: readonly string[] = ["--no-log-lines", "--rewrite"];

function main(args: readonly string[]): number {
  const logLines = !args.includes("--no-log-lines");
  const unknown = args.find((arg) => arg.startsWith("-") && !OPTIONS.includes(arg));
  if (unknown !== undefined) {
    printError(`unknown option ${unknown}; known: ${OPTIONS.join(" ")}`);
    return 2;
  }
  const named = args.filter((arg) => !arg.startsWith("-"));
  let passed = 0;
  let failed = 0;
  for (const directory of named.length > 0 ? named : [OWN_TRANSCRIPTS]) {
    let results: ReturnType<typeof runDirectory>;
    try {
      if (args.includes("--rewrite")) rewriteDirectory(directory);
      results = runDirectory(directory, { logLines });
    } catch (error) {
      printError(`cannot run transcripts: ${error instanceof Error ? error.message : String(error)}`);
      return 1;
    }
    for (const { file, passed: good, failures } of results) {
      passed += good;
      failed += failures.length;
      const [first] = failures;
      print(`${first === undefined ? "ok  " : "FAIL"} ${file} (${good} of ${good + failures.length})`);
      // What follows a first difference is mostly its consequence.
      if (first !== undefined) print(describeFailure(first));
    }
  }
  print(`directives: ${passed} passed, ${failed} failed`);
  return failed === 0 ? 0 : 1;
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

function printError(line: string): void {
  process.stderr.write(`${line}\n`);
}

process.exitCode = main(process.argv.slice(2));
