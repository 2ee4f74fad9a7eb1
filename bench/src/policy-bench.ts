/**
 * What policies cost: reading a text, compiling a token's policies, and one check, by the number of rules. The server
 * compiles a set of policies once and checks at each request, so only the last is paid often.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { dirname } from "node:path";
import { compileAcl, NO_IDENTITY, parsePolicy } from "@strongroom/core/policy";
import { benchOptions } from "./options.ts";

const SIZES = [10, 1_000, 10_000];
/** Of each measurement; the fastest of five counts. */
const MEASURE_MS = 200;

interface Figures {
  readonly rules: number;
  readonly textBytes: number;
  readonly parseUs: number;
  readonly compileUs: number;
  readonly checkExactNs: number;
  readonly checkPrefixNs: number;
  readonly checkPlusNs: number;
  readonly checkNoRuleNs: number;
}

export async function policyBench(args: readonly string[]): Promise<void> {
  const values = benchOptions(args, {
    json: ["bench/results/policy.json", "where the figures are written"],
  });
  const figures = SIZES.map(measure);
  process.stdout.write(tableOf(figures));
  const machine = { node: process.version, cpu: cpus()[0]?.model, cores: cpus().length };
  mkdirSync(dirname(values.json), { recursive: true });
  writeFileSync(values.json, `${JSON.stringify({ machine, figures }, undefined, 2)}\n`);
}

function measure(rules: number): Figures {
  const text = policyText(rules);
  const policy = parsePolicy("bench", text);
  const acl = compileAcl([policy], NO_IDENTITY);
  // Paths are put together anew, as requests bring them: a string that was looked up before remembers its hash.
  const check = (path: (i: number) => string): number => {
    let i = 0;
    const withPath = time(() => void acl.check({ path: path(i++ % rules), operation: "read" }));
    const alone = time(() => void path(i++ % rules).length);
    return Math.round(withPath - alone);
  };
  return {
    rules,
    textBytes: Buffer.byteLength(text),
    parseUs: Math.round(time(() => void parsePolicy("bench", text)) / 1000),
    compileUs: Math.round(time(() => void compileAcl([policy], NO_IDENTITY)) / 1000),
    checkExactNs: check((i) => `secret/data/team-${third(i)}/config`),
    checkPrefixNs: check((i) => `secret/data/app-${third(i)}/db/password`),
    checkPlusNs: check((i) => `kv-${third(i)}/data/x${i}/public`),
    checkNoRuleNs: check((i) => `other/data/app-${i}/db`),
  };
}

const COLUMNS: readonly (readonly [string, keyof Figures])[] = [
  ["rules", "rules"],
  ["text bytes", "textBytes"],
  ["parse µs", "parseUs"],
  ["compile µs", "compileUs"],
  ["check: exact ns", "checkExactNs"],
  ["prefix ns", "checkPrefixNs"],
  ["with + ns", "checkPlusNs"],
  ["no rule ns", "checkNoRuleNs"],
];

function tableOf(figures: readonly Figures[]): string {
  const lines = [
    COLUMNS.map(([title]) => title).join("  "),
    ...figures.map((row) => COLUMNS.map(([title, key]) => String(row[key]).padStart(title.length)).join("  ")),
  ];
  return `${lines.join("\n")}\n`;
}

/** The number that the patterns of each kind have. */
function third(i: number): number {
  return i - (i % 3);
}

/** A third each: exact paths, prefixes, and patterns with a `+`. */
function policyText(rules: number): string {
  const patterns = [
    (i: number) => `secret/data/team-${i}/config`,
    (i: number) => `secret/data/app-${i - 1}/*`,
    (i: number) => `kv-${i - 2}/data/+/public`,
  ];
  const rule = (i: number): string => {
    const pattern = patterns[i % patterns.length] as (i: number) => string;
    return `path ${JSON.stringify(pattern(i))} {\n  capabilities = ["read", "list"]\n}\n`;
  };
  return Array.from({ length: rules }, (_, i) => rule(i)).join("\n");
}

/** Nanoseconds of CPU a call, the collector's included: what else the machine does is not counted. */
function time(call: () => void): number {
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < 5; round++) {
    const start = process.cpuUsage();
    let calls = 0;
    let spentUs = 0;
    while (spentUs < MEASURE_MS * 1000) {
      for (let i = 0; i < 64; i++) call();
      calls += 64;
      const { user, system } = process.cpuUsage(start);
      spentUs = user + system;
    }
    best = Math.min(best, (spentUs * 1000) / calls);
  }
  return best;
}
