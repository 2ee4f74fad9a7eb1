/** `npm run chaos -- …`: see `options.ts`. Exit code 1 on a violation, 2 when the test itself cannot run. */
import { type ChaosOptions, parseOptions, USAGE } from "./options.ts";
import { type RunResult, runChaos } from "./run.ts";
import { isSandboxed, raiseLoopback, runSandboxed } from "./sandbox.ts";

const SHOWN_MAX = 20;

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

async function main(args: readonly string[]): Promise<number> {
  if (args.includes("--help")) {
    process.stdout.write(USAGE);
    return 0;
  }
  let options: ChaosOptions;
  try {
    options = parseOptions(args);
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`);
    return 2;
  }
  if (!isSandboxed()) {
    // The seed is drawn out here, so that it is known whatever becomes of the sandbox.
    const code = await runSandboxed([...args, "--seed", String(options.seed)]);
    if (code !== undefined) return code;
    if (options.network === "netns") {
      process.stderr.write("--network netns needs root or user namespaces\n");
      return 2;
    }
  }
  if (isSandboxed()) raiseLoopback();
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(130));
  const result = await runChaos(options, print);
  report(options, result);
  return result.violations.length === 0 ? 0 : 1;
}

function report(options: ChaosOptions, result: RunResult): void {
  const { load, findings, violations } = result;
  const row = (name: string, value: string | number): void => print(`  ${name.padEnd(34)} ${value}`);
  print("");
  row("nodes, seed", `${options.nodes}, ${options.seed}`);
  row("time under faults", `${result.seconds.toFixed(0)} s`);
  for (const [name, times] of [...result.struck].sort(([a], [b]) => a.localeCompare(b))) row(`  ${name}`, times);
  for (const line of result.skipped) row("", line);
  row("writes acknowledged", `${load.acknowledged} (${(load.acknowledged / result.seconds).toFixed(0)}/s)`);
  row("  after being sent to another node", load.repeated);
  row("writes refused, by cas mismatch", `${load.refused.size}, ${load.mismatches}`);
  row("writes of unknown outcome", load.unknown);
  row("reads", load.reads);
  const recoveries = [...result.recoveriesMs].sort((a, b) => a - b);
  const at = (part: number): string =>
    `${((recoveries[Math.min(recoveries.length - 1, Math.floor(recoveries.length * part))] ?? 0) / 1000).toFixed(2)} s`;
  row("all nodes serve after a round", `median ${at(0.5)}, max ${at(1)}`);
  if (findings !== undefined) {
    row("keys, versions read back", `${findings.keys}, ${findings.versions}`);
    row("lost", findings.lost.length);
    row("duplicated", findings.duplicated.length);
    row("there and not asked for", findings.unasked.length);
    row("histories not linearizable", findings.illegal.length);
    row("histories not decided", findings.undecided.length);
    row("state of all nodes", findings.digest);
  }
  for (const violation of violations.slice(0, SHOWN_MAX)) print(`\nVIOLATION: ${violation}`);
  if (violations.length > SHOWN_MAX) print(`\nand ${violations.length - SHOWN_MAX} more`);
  if (result.kept !== undefined) print(`\nseed ${options.seed}; the nodes' data and logs are in ${result.kept}`);
  print(`\nviolations: ${violations.length}`);
}

process.exit(await main(process.argv.slice(2)));
