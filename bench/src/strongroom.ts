/** Three nodes of Strongroom, with an audit device that writes to a file on each. */
import { join } from "node:path";
import { LocalCluster } from "@strongroom/cli";
import { prepare, type Subject } from "./subject.ts";

export async function startStrongroom(options: {
  readonly directory: string;
  readonly basePort: number;
}): Promise<Subject> {
  const { directory, basePort } = options;
  const cluster = await LocalCluster.create({ directory, nodes: 3, basePort });
  try {
    await cluster.up();
    const call = async (
      method: "GET" | "POST",
      path: string,
      body?: object,
    ): Promise<Readonly<Record<string, unknown>>> => {
      const { status, json, text } = await cluster.request(0, {
        method,
        path,
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      if (status >= 300) throw new Error(`strongroom: ${method} ${path}: ${status} ${text}`);
      return json ?? {};
    };
    // One path for all nodes: each appends whole lines.
    const prepared = await prepare(call, join(directory, "audit.log"));
    return {
      name: "strongroom",
      targets: cluster.nodes.map(({ apiAddress }) => apiAddress),
      pids: () => cluster.nodes.flatMap(({ pid }) => (pid === undefined ? [] : [pid])),
      ...prepared,
      close: () => cluster.close(),
    };
  } catch (error) {
    await cluster.close();
    throw error;
  }
}
