import { type AddressInfo, createServer } from "node:net";
import { describe, expect, it } from "vitest";
import { planNodes } from "./node-files.ts";
import { requireFreePorts } from "./ports.ts";

describe("requireFreePorts", () => {
  it("names a port that another program has, and takes none itself", async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    const nodes = planNodes({ directory: "/nowhere", nodes: 1, basePort: port });
    await expect(requireFreePorts(nodes)).rejects.toThrow(`Port ${port}, which node-0 needs, is in use.`);
    await new Promise((resolve) => server.close(resolve));
    await requireFreePorts([
      { ...nodes[0], clusterAddress: `127.0.0.1:${port}`, grpcAddress: `127.0.0.1:${port}` } as never,
    ]);
    await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
    await new Promise((resolve) => server.close(resolve));
  });
});
