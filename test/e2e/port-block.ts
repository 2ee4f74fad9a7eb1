/**
 * Ports for a cluster of real processes that nobody else on this machine has, nor another run of these tests: that they are free
 * is found by looking, and that they stay so by holding one of the block that no node uses.
 */
import { randomInt } from "node:crypto";
import { once } from "node:events";
import { createServer, type Server } from "node:net";
import { afterAll, afterEach } from "vitest";

/** Above those of benchmarks and chaos runs, and below 32768, where Linux begins to give ports to outgoing connections. */
const FIRST_PORT = 25_000;
const BLOCKS = 77;
const PORTS_A_BLOCK = 100;
/** As `LocalCluster` lays them out: node n has three from `basePort + 10n` on. */
const PORTS_BETWEEN_NODES = 10;
const PORTS_A_NODE = 3;

/** To be called where a test file begins; gives the file's base port, the same at each call, and says it if anything fails. */
export function portBlock({ nodes }: { readonly nodes: number }): () => Promise<number> {
  let block: PortBlock | undefined;
  // Undefined: not one test was come to.
  let hasFailed: boolean | undefined;
  afterEach(({ task }) => {
    hasFailed = hasFailed === true || task.result?.state === "fail";
  });
  afterAll(() => {
    if (block === undefined) return;
    if (hasFailed !== false) process.stderr.write(`The cluster's ports began at ${block.basePort}.\n`);
    block.release();
  });
  return async () => {
    block ??= await PortBlock.hold({ nodes });
    return block.basePort;
  };
}

export class PortBlock {
  readonly basePort: number;
  readonly #holder: Server;

  private constructor(basePort: number, holder: Server) {
    this.basePort = basePort;
    this.#holder = holder;
  }

  /** Begins with the block `first` and tries each once. Throws when none is free. */
  static async hold({
    nodes,
    first = randomInt(BLOCKS),
  }: {
    readonly nodes: number;
    readonly first?: number;
  }): Promise<PortBlock> {
    for (let i = 0; i < BLOCKS; i++) {
      const basePort = FIRST_PORT + PORTS_A_BLOCK * ((first + i) % BLOCKS);
      const holder = await listen(basePort + PORTS_A_BLOCK - 1);
      if (holder === undefined) continue;
      if (await areFree(basePort, nodes)) return new PortBlock(basePort, holder.unref());
      holder.close();
    }
    throw new Error(`no ${PORTS_A_BLOCK} ports in a row are free from ${FIRST_PORT} on`);
  }

  release(): void {
    this.#holder.close();
  }
}

async function areFree(basePort: number, nodes: number): Promise<boolean> {
  for (let node = 0; node < nodes; node++) {
    for (let i = 0; i < PORTS_A_NODE; i++) {
      const server = await listen(basePort + PORTS_BETWEEN_NODES * node + i);
      if (server === undefined) return false;
      server.close();
      await once(server, "close");
    }
  }
  return true;
}

/** Nothing when somebody has the port. */
function listen(port: number): Promise<Server | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(undefined));
    server.listen({ host: "127.0.0.1", port, exclusive: true }, () => resolve(server));
  });
}
