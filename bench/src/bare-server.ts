/** A bare `node:https` or `node:http` server in a process of its own, which answers as many bytes as a KV read and does nothing: the limit. */
import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createServerCertificates } from "@strongroom/cluster";
import { nodeClock, nodeEntropy } from "@strongroom/runtime/node";
import type { Subject } from "./subject.ts";

const SCRIPT = fileURLToPath(new URL("./bare-server-process.ts", import.meta.url));

export async function startBareServer(options: {
  readonly directory: string;
  readonly port: number;
  readonly clear?: boolean;
}): Promise<Subject> {
  const { directory, port, clear = false } = options;
  const child = spawn(process.execPath, [SCRIPT, String(port), ...(clear ? [] : certificateFiles(directory))], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  await new Promise<void>((resolve, reject) => {
    child.stdout.once("data", () => resolve());
    child.once("exit", () => reject(new Error("the bare server did not start")));
  });
  return {
    name: "bare",
    targets: [`${clear ? "http" : "https"}://127.0.0.1:${port}`],
    pids: () => (child.pid === undefined ? [] : [child.pid]),
    token: "",
    roleId: "",
    secretId: "",
    close: () => ended(child),
  };
}

function certificateFiles(directory: string): readonly string[] {
  const { certFile, keyFile } = createServerCertificates({
    hosts: ["127.0.0.1"],
    directory: join(directory, "bare-tls"),
    clock: nodeClock,
    entropy: nodeEntropy,
  });
  return [certFile, keyFile];
}

function ended(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    child.once("exit", () => resolve());
    child.kill();
  });
}
