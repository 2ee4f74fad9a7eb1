/** A bare `node:https` server in a process of its own, which answers as many bytes as a KV read and does nothing: the limit. */
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
}): Promise<Subject> {
  const { directory, port } = options;
  const { certFile, keyFile } = createServerCertificates({
    hosts: ["127.0.0.1"],
    directory: join(directory, "bare-tls"),
    clock: nodeClock,
    entropy: nodeEntropy,
  });
  const child = spawn(process.execPath, [SCRIPT, String(port), certFile, keyFile], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  await new Promise<void>((resolve, reject) => {
    child.stdout.once("data", () => resolve());
    child.once("exit", () => reject(new Error("the bare server did not start")));
  });
  return {
    name: "bare",
    targets: [`https://127.0.0.1:${port}`],
    pids: () => (child.pid === undefined ? [] : [child.pid]),
    token: "",
    roleId: "",
    secretId: "",
    close: () => ended(child),
  };
}

function ended(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    child.once("exit", () => resolve());
    child.kill();
  });
}
