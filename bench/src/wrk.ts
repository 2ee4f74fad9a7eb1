/**
 * HTTP load by wrk, which costs little CPU beside the servers that it shares the machine with. One wrk a node; each prints
 * its latency distribution, and the distributions are joined by weight.
 */
import { execFile, execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface Load {
  readonly targets: readonly string[];
  readonly clients: number;
  readonly seconds: number;
  readonly token: string;
  readonly operation: "read" | "write";
}

/** One request, sent over and over. `%d` in the path or the body becomes a number that counts up. */
export interface Recipe {
  readonly method: "GET" | "POST";
  readonly path: string;
  readonly body?: string;
  readonly token?: string;
}

export interface LoadResult {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly failures: number;
}

/** In thousandths: 0.5 % steps, and finer where the tail is. */
const PERCENTILES = [...Array.from({ length: 199 }, (_, i) => (i + 1) * 0.5), 99.9];
const KEYS = 1000;
const VALUE_BYTES = 512;

/** Makes sure that wrk is there, installing Debian's package where that is possible. */
export function requireWrk(): void {
  try {
    execFileSync("wrk", ["--version"], { stdio: "ignore" });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") return;
    execFileSync("apt-get", ["install", "-y", "-qq", "wrk"], { stdio: "ignore" });
  }
}

/** Writes 512-byte values to a thousand names, or reads them back; clients are spread evenly over the targets. */
export function wrkLoad({ operation, token, ...load }: Load): Promise<LoadResult> {
  const path = "/v1/secret/data/bench/%d";
  const recipe: Recipe =
    operation === "read" ? { method: "GET", path, token } : { method: "POST", path, token, body: kvBody() };
  return wrkRecipe({ ...load, recipe });
}

/** The body of a KV write: a value of 512 bytes that differs from write to write. */
export function kvBody(): string {
  return `{"data":{"value":"${"v".repeat(VALUE_BYTES - 32)}%d"}}`;
}

/** Clients are spread evenly over the targets. `core`: the one that the client runs on, if it is to stay there. */
export async function wrkRecipe(
  load: Omit<Load, "operation" | "token"> & { readonly recipe: Recipe; readonly core?: number },
): Promise<LoadResult> {
  const directory = mkdtempSync(join(tmpdir(), "strongroom-bench-"));
  try {
    const script = join(directory, "load.lua");
    writeFileSync(script, luaScript(load.recipe), { mode: 0o600 });
    const shares = load.targets.map((_, index) =>
      Math.floor((load.clients + load.targets.length - 1 - index) / load.targets.length),
    );
    const runs = load.targets
      .map((target, index) => ({ target, clients: shares[index] ?? 0 }))
      .filter(({ clients }) => clients > 0);
    const outputs = await Promise.all(runs.map(({ target, clients }) => runWrk(target, { ...load, clients }, script)));
    return merge(outputs.map(parse));
  } finally {
    rmSync(directory, { recursive: true });
  }
}

function luaScript({ method, path, body, token }: Recipe): string {
  const filled = (text: string): string => {
    const [before = "", after] = text.split("%d");
    return after === undefined ? quoted(before) : `${quoted(before)} .. (counter % ${KEYS}) .. ${quoted(after)}`;
  };
  const headers = [
    `["Content-Type"] = "application/json"`,
    ...(token === undefined ? [] : [`["X-Vault-Token"] = ${quoted(token)}`]),
  ];
  return `
local counter = math.floor(os.clock() * 1e6) % ${KEYS}
local headers = { ${headers.join(", ")} }
request = function()
  counter = counter + 1
  return wrk.format("${method}", ${filled(path)}, headers${body === undefined ? "" : `, ${filled(body)}`})
end
done = function(summary, latency)
  local failed = summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout + summary.errors.status
  io.write(string.format("RESULT %d %d %d", summary.requests, summary.duration, failed))
  for _, p in ipairs({${PERCENTILES.join(",")}}) do io.write(string.format(" %d", latency:percentile(p))) end
  io.write("\\n")
end
`;
}

/** As a Lua string. */
function quoted(text: string): string {
  return JSON.stringify(text);
}

function runWrk(
  target: string,
  { clients, seconds, core }: { readonly clients: number; readonly seconds: number; readonly core?: number },
  script: string,
): Promise<string> {
  const wrk = ["wrk", "-t1", `-c${clients}`, `-d${seconds}s`, "--timeout", "10s", "-s", script, target];
  const [program = "", ...args] = core === undefined ? wrk : ["taskset", "-c", String(core), ...wrk];
  return new Promise((resolve, reject) => {
    execFile(program, args, { maxBuffer: 1 << 24 }, (error, stdout) =>
      error === null ? resolve(stdout) : reject(error),
    );
  });
}

interface Part {
  readonly requests: number;
  readonly perSecond: number;
  readonly failures: number;
  readonly percentilesUs: readonly number[];
}

function parse(output: string): Part {
  const line = /^RESULT (.*)$/m.exec(output)?.[1];
  if (line === undefined) throw new Error(`wrk printed no result:\n${output}`);
  const [requests = 0, durationUs = 1, failures = 0, ...percentilesUs] = line.split(" ").map(Number);
  return { requests, perSecond: requests / (durationUs / 1e6), failures, percentilesUs };
}

function merge(parts: readonly Part[]): LoadResult {
  const samples = parts
    .flatMap((part) => part.percentilesUs.map((us) => ({ us, weight: part.requests })))
    .sort((a, b) => a.us - b.us);
  const total = samples.reduce((sum, { weight }) => sum + weight, 0);
  const at = (fraction: number): number => {
    let seen = 0;
    for (const { us, weight } of samples) {
      seen += weight;
      if (seen >= total * fraction) return us / 1000;
    }
    return Number.NaN;
  };
  return {
    perSecond: parts.reduce((sum, part) => sum + part.perSecond, 0),
    p50Ms: at(0.5),
    p99Ms: at(0.99),
    failures: parts.reduce((sum, part) => sum + part.failures, 0),
  };
}
