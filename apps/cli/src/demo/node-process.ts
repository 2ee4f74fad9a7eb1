/** One server process: started with its output in a file, watched, and ended. Knows no process but its own child. */
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { LocalError } from "../command.ts";
import type { NodePlan } from "./node-files.ts";

const LAUNCHER = fileURLToPath(new URL("../../bin/strongroom.js", import.meta.url));
const LOG_LINES_SHOWN = 5;

export class NodeProcess {
  readonly #plan: NodePlan;
  readonly #child: ChildProcess;
  readonly #exited: Promise<void>;
  #running = true;

  private constructor(plan: NodePlan, child: ChildProcess) {
    this.#plan = plan;
    this.#child = child;
    this.#exited = new Promise((resolve) => {
      const ended = (): void => {
        this.#running = false;
        resolve();
      };
      child.once("exit", ended);
      child.once("error", ended);
    });
  }

  /**
   * The launcher becomes the server without a new process (`execve`), so the pid is the server's. A join token goes by the
   * environment: arguments show in the process list.
   */
  static start(plan: NodePlan, joinToken: string | undefined): NodeProcess {
    const log = openSync(plan.logFile, "a", 0o600);
    try {
      const child = spawn(process.execPath, [LAUNCHER, "server", `-config=${plan.configFile}`], {
        env: { ...cleanEnvironment(), ...(joinToken === undefined ? {} : { STRONGROOM_JOIN_TOKEN: joinToken }) },
        stdio: ["ignore", log, log],
      });
      return new NodeProcess(plan, child);
    } finally {
      closeSync(log);
    }
  }

  /** While it runs. */
  get pid(): number | undefined {
    return this.#running ? this.#child.pid : undefined;
  }

  get exited(): Promise<void> {
    return this.#exited;
  }

  /** Sends `signal`; `exited` tells when the process is gone. */
  signal(signal: NodeJS.Signals): void {
    if (this.#running) this.#child.kill(signal);
  }

  /** Throws when it ended, with the last it had to say. */
  assertRunning(): void {
    if (this.#running) return;
    const { exitCode, signalCode } = this.#child;
    const end = signalCode === null ? `with exit code ${exitCode}` : `by ${signalCode}`;
    throw new LocalError(`${this.#plan.id} ended ${end}. The end of ${this.#plan.logFile}:\n${this.lastLines()}`);
  }

  lastLines(): string {
    const lines = readFileSync(this.#plan.logFile, "utf8").trimEnd().split("\n");
    return lines
      .slice(-LOG_LINES_SHOWN)
      .map((line) => `  ${line}`)
      .join("\n");
  }
}

/** What a shell set up for other servers is not for these. */
function cleanEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(VAULT|STRONGROOM|BAO)_/.test(name)));
}
