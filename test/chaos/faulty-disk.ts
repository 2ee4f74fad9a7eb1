/**
 * Builds the library that makes a server's disk and clock fail (`faulty-disk.c`), proves that it does, and steers it: each
 * server maps a page, and what is written there counts from its next write or look at the clock on.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { closeSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";

const SOURCE = join(import.meta.dirname, "faulty-disk.c");
const PAGE_BYTES = 24;

/** How syncs of the log go: as they should, or failing with what was written kept or lost. */
type SyncFailure = "none" | "keep" | "lose";

export class FaultControl {
  readonly path: string;
  readonly #file: number;
  #clockOffsetMs = 0;
  #hold = true;
  #failure: SyncFailure = "none";
  #lie = false;

  constructor(path: string) {
    this.path = path;
    writeFileSync(path, Buffer.alloc(PAGE_BYTES), { mode: 0o600 });
    this.#file = openSync(path, "r+");
    this.#write();
  }

  setClockOffset(offsetMs: number): void {
    this.#clockOffsetMs = offsetMs;
    this.#write();
  }

  /** Whether unsynced writes are lost with the process, as in a power cut. */
  setHold(hold: boolean): void {
    this.#hold = hold;
    this.#write();
  }

  failSyncs(failure: SyncFailure): void {
    this.#failure = failure;
    this.#write();
  }

  /** A disk that says "synced" and does not. */
  setLie(lie: boolean): void {
    this.#lie = lie;
    this.#write();
  }

  close(): void {
    closeSync(this.#file);
  }

  #write(): void {
    const page = Buffer.alloc(PAGE_BYTES);
    page.writeBigInt64LE(BigInt(this.#clockOffsetMs) * 1_000_000n, 0);
    page.writeUInt32LE(Number(this.#hold), 8);
    page.writeUInt32LE({ none: 0, keep: 1, lose: 2 }[this.#failure], 12);
    page.writeUInt32LE(Number(this.#lie), 16);
    writeSync(this.#file, page, 0, PAGE_BYTES, 0);
  }
}

export interface FaultyDisk {
  /** For a server whose faults `control` steers. */
  environment(control: FaultControl, seed: number): Readonly<Record<string, string>>;
}

/** Undefined without a compiler for this platform. Throws if the library does not do what it is for. */
export function buildFaultyDisk(directory: string, options: { readonly earlyPercent: number }): FaultyDisk | undefined {
  if (process.platform !== "linux" || spawnSync("gcc", ["--version"]).error !== undefined) return undefined;
  const library = join(directory, "faulty-disk.so");
  execFileSync("gcc", ["-O2", "-shared", "-fPIC", "-o", library, SOURCE, "-ldl", "-lpthread"], { stdio: "pipe" });
  const disk: FaultyDisk = {
    environment: (control, seed) => ({
      LD_PRELOAD: library,
      CHAOS_CONTROL: control.path,
      CHAOS_EARLY: String(options.earlyPercent),
      CHAOS_SEED: String(seed),
    }),
  };
  prove(disk, directory);
  return disk;
}

/** Writes "synced", syncs, writes "unsynced" behind it, and dies; prints how a sync went and what the clock says. */
const PROBE = `
const fs = require("node:fs");
fs.mkdirSync("wal", { recursive: true });
const file = fs.openSync(process.cwd() + "/wal/log", "w");
fs.writeSync(file, Buffer.from("synced"), 0, 6, 0);
let result = "ok";
try { fs.fdatasyncSync(file); } catch (error) { result = error.code; }
fs.writeSync(file, Buffer.from("unsynced"), 0, 8, 6);
fs.writeSync(1, JSON.stringify({ result, now: Date.now() }));
process.kill(process.pid, "SIGKILL");
`;

function prove(disk: FaultyDisk, directory: string): void {
  const probe = join(directory, "probe");
  mkdirSync(probe);
  const control = new FaultControl(join(probe, "control"));
  const run = (): { readonly result: string; readonly now: number; readonly log: string } => {
    rmSync(join(probe, "wal"), { recursive: true, force: true });
    const env = { ...process.env, ...disk.environment(control, 1), CHAOS_EARLY: "0" };
    const { stdout } = spawnSync(process.execPath, ["-e", PROBE], { cwd: probe, env });
    const said = JSON.parse(stdout.toString()) as { readonly result: string; readonly now: number };
    return { ...said, log: readFileSync(join(probe, "wal/log"), "utf8") };
  };
  const require = (holds: boolean, what: string): void => {
    if (!holds) throw new Error(`the faulty disk does not work here: ${what}`);
  };
  const lost = run();
  require(lost.result === "ok" && lost.log === "synced", "a loss of power loses what was not synced, and no more");
  control.setHold(false);
  require(run().log === "syncedunsynced", "without a loss of power everything written stays");
  control.setHold(true);
  control.failSyncs("lose");
  const failed = run();
  require(failed.result === "EIO" && failed.log === "", "a sync fails and loses what it was to keep");
  control.failSyncs("none");
  control.setLie(true);
  const lied = run();
  require(lied.result === "ok" && lied.log === "", "a lying disk keeps nothing");
  control.setLie(false);
  control.setClockOffset(86_400_000);
  const ahead = run().now - Date.now();
  require(Math.abs(ahead - 86_400_000) < 60_000, "the clock jumps");
  control.close();
  rmSync(probe, { recursive: true, force: true });
}
