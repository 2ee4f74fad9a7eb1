/** Whether the ports are there to be used: asked before the first process starts, which would find out one by one. */
import { createServer } from "node:net";
import { LocalError } from "../command.ts";
import type { NodePlan } from "./node-files.ts";

/** Throws `LocalError` with the first port that another program has. */
export async function requireFreePorts(nodes: readonly NodePlan[]): Promise<void> {
  for (const { id, apiAddress, clusterAddress, grpcAddress } of nodes) {
    for (const address of [new URL(apiAddress).host, clusterAddress, grpcAddress]) {
      const [host = "", port = ""] = address.split(":");
      if (await isFree(host, Number(port))) continue;
      throw new LocalError(`Port ${port}, which ${id} needs, is in use. Choose others with -base-port.`);
    }
  }
}

function isFree(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen({ host, port }, () => server.close(() => resolve(true)));
  });
}
