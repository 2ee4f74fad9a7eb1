import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { asError } from "@strongroom/runtime";
import { nodeClock } from "@strongroom/runtime/node";
import { type Command, type Context, defineCommand, EXIT, LocalError } from "../command.ts";
import { LocalCluster } from "../demo/local-cluster.ts";
import { setUp } from "../demo/setup.ts";
import { Steps } from "../demo/steps.ts";
import { tour } from "../demo/tour.ts";
import { table } from "../output.ts";

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
/** What a shell makes of a program that ended by Ctrl-C. */
const EXIT_INTERRUPTED = 130;

export const demo: Command = defineCommand({
  usage: "[options]",
  description: `Runs a cluster of several server processes on this machine, over HTTPS, with data in a directory of its own, until Ctrl-C; then
everything it started is ended.

  strongroom demo                     three nodes at ports 8200, 8210, 8220, and how to use them
  strongroom demo -tour               shows what the cluster survives, then ends`,
  flags: {
    nodes: { kind: "integer", value: "N", help: "How many nodes; 3." },
    dir: { kind: "string", value: "DIR", help: "Where data, logs and cluster.json go; a new temporary directory." },
    "base-port": {
      kind: "integer",
      value: "P",
      help: "Node n uses P+10n for HTTPS, P+10n+1 for the cluster, P+10n+2 for gRPC; 8200.",
    },
    tour: { kind: "switch", help: "Kill the leader amid writes, check that nothing is lost, and end." },
  },
  positional: { min: 0, max: 0 },
  async run(context, { flags }) {
    const startMs = nodeClock.monotonicMs();
    const nodes = flags.nodes ?? 3;
    if (flags.tour && nodes < 3) throw new LocalError("The tour kills a node, which a cluster of at least 3 survives.");
    const temporary = flags.dir === undefined ? mkdtempSync(join(tmpdir(), "strongroom-demo-")) : undefined;
    const directory = temporary ?? resolve(flags.dir ?? "");
    const interruption = new Interruption();
    let cluster: LocalCluster | undefined;
    let ready = false;
    try {
      const basePort = flags["base-port"] ?? 8200;
      cluster = await LocalCluster.create({ directory, nodes, basePort, temporary: temporary !== undefined });
      const steps = new Steps(context.terminal);
      if (flags.tour) {
        const facts = await interruption.race(tour(cluster, steps, startMs));
        context.terminal.out(`\n${table(["What", "Figure"], facts)}`);
        return EXIT.ok;
      }
      await interruption.race(setUp(cluster, steps));
      ready = true;
      context.terminal.out(instructions(cluster, directory));
      await interruption.race(reportDeaths(context, cluster));
      return EXIT.ok;
    } catch (error) {
      if (!(error instanceof Interrupted)) {
        context.terminal.error(logs(cluster, asError(error).message));
        throw error;
      }
      context.terminal.error("\nInterrupted: ending the nodes.\n");
      return ready ? EXIT.ok : EXIT_INTERRUPTED;
    } finally {
      await cluster?.close();
      if (temporary !== undefined) rmSync(temporary, { recursive: true, force: true });
      interruption.stop();
    }
  },
});

function instructions(cluster: LocalCluster, directory: string): string {
  const nodes = cluster.nodes.map(({ id, apiAddress, grpcAddress }) => [id, apiAddress, grpcAddress]);
  return `
${table(["Node", "HTTPS", "gRPC"], nodes)}
Use it from another terminal, with this tool or with Vault's:

  export VAULT_ADDR=${cluster.nodes[0]?.apiAddress}
  export VAULT_CACERT=${cluster.caCertificateFile}
  export VAULT_TOKEN=${cluster.rootToken}

  npx strongroom kv put secret/hello name=world
  npx strongroom kv get secret/hello

Key shares, process ids and addresses are in ${join(directory, "cluster.json")}. Ctrl-C ends it all.
`;
}

/** Tells when a node ends; resolves when the last one has. */
async function reportDeaths(context: Context, cluster: LocalCluster): Promise<void> {
  await Promise.all(
    cluster.nodes.map(async ({ index, id }) => {
      await cluster.exited(index);
      context.terminal.error(`${id} has ended.\n`);
    }),
  );
}

/** What the nodes said last, unless `said` has it, since their logs go with the directory. */
function logs(cluster: LocalCluster | undefined, said: string): string {
  return (cluster?.nodes ?? [])
    .map(({ index, id }) => [id, cluster?.lastLogLines(index) ?? ""] as const)
    .filter(([, lines]) => lines.trim() !== "" && !said.includes(lines))
    .map(([id, lines]) => `The last lines of ${id}'s log:\n${lines}\n`)
    .join("");
}

class Interrupted extends Error {}

/** A terminal signals the launcher as well, which hands the signal on: that is one, and no hurry. */
const SAME_SIGNAL_MS = 500;

/** Turns the first signal that asks to end into an exception where the work is waited for; the second one ends at once. */
class Interruption {
  readonly #interrupted: PromiseWithResolvers<never> = Promise.withResolvers();
  #firstMs: number | undefined;

  constructor() {
    // Whether anybody waits or not.
    this.#interrupted.promise.catch(() => undefined);
    for (const signal of SIGNALS) process.on(signal, this.#onSignal);
  }

  async race<T>(work: Promise<T>): Promise<T> {
    return Promise.race([work, this.#interrupted.promise]);
  }

  stop(): void {
    for (const signal of SIGNALS) process.off(signal, this.#onSignal);
  }

  readonly #onSignal = (): void => {
    const nowMs = nodeClock.monotonicMs();
    this.#firstMs ??= nowMs;
    this.#interrupted.reject(new Interrupted());
    if (nowMs - this.#firstMs > SAME_SIGNAL_MS) process.exit(EXIT_INTERRUPTED);
  };
}
