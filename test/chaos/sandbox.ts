/**
 * Runs the whole test in namespaces of its own (mounts, network, processes): small file systems and cut networks touch nothing
 * outside, ports are all free, and when the test dies, however it dies, the kernel ends every process and mount with it.
 */
import { spawn, spawnSync } from "node:child_process";

const MARK = "CHAOS_SANDBOX";
const COMMON = ["--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc"];

/** In one already? */
export function isSandboxed(): boolean {
  return process.env[MARK] === "1";
}

/** What a new network namespace begins without. */
export function raiseLoopback(): void {
  run("ip", "link", "set", "lo", "up");
}

/** Runs this program again in a sandbox; the exit code, or undefined where there is none to be had. */
export async function runSandboxed(args: readonly string[]): Promise<number | undefined> {
  const kinds = process.getuid?.() === 0 ? [COMMON] : [["--user", "--map-root-user", ...COMMON]];
  const flags = kinds.find(
    (kind) => spawnSync("unshare", [...kind, "ip", "link", "set", "lo", "up"], { stdio: "ignore" }).status === 0,
  );
  if (flags === undefined) return undefined;
  const command = [process.execPath, ...process.execArgv, ...process.argv.slice(1, 2), ...args];
  const child = spawn("unshare", [...flags, ...command], { stdio: "inherit", env: { ...process.env, [MARK]: "1" } });
  // A terminal's Ctrl-C reaches who is inside by itself. `unshare` hears no SIGTERM; its end is that of everything inside.
  process.on("SIGINT", () => {});
  process.on("SIGTERM", () => child.kill("SIGKILL"));
  process.once("exit", () => child.kill("SIGKILL"));
  return new Promise((resolve) => {
    child.once("exit", (code, signal) => resolve(code ?? (signal === null ? 1 : 130)));
  });
}

/** Throws with what the command said. */
export function run(command: string, ...args: readonly string[]): string {
  const { status, stdout, stderr, error } = spawnSync(command, args, { encoding: "utf8" });
  if (error !== undefined || status !== 0)
    throw new Error(`${command} ${args.join(" ")}: ${error?.message ?? stderr.trim()}`);
  return stdout;
}
