/** The command line of `npm run chaos`. */
import { randomInt } from "node:crypto";
import { parseArgs } from "node:util";
import { NEMESES, type NemesisName } from "./nemesis-names.ts";

export interface ChaosOptions {
  readonly minutes: number;
  readonly nodes: number;
  readonly nemeses: readonly NemesisName[];
  readonly network: "proxy" | "netns";
  readonly seed: number;
  /** Disks lie about syncs: the run must end in violations, or it could not have found any. */
  readonly lyingDisks: boolean;
  /** Where the data directories are made. */
  readonly directory: string | undefined;
}

export const USAGE = `Usage: npm run chaos -- [--minutes M] [--nemesis LIST] [--nodes 3|5] [--network proxy|netns] [--seed N]
                       [--directory DIR] [--lying-disks]

Real server processes under faults of every kind; ends with what became of what clients were told.
  --minutes M        how long faults go on (default 2)
  --nemesis LIST     of ${NEMESES.join(",")}; default all
  --nodes N          1 to 9, usually 3 (default) or 5
  --network KIND     proxy (default): a TCP proxy before each node's cluster port; netns: a network namespace for each node
  --seed N           the choice of faults; what the processes make of them is theirs
  --directory DIR    where to put the nodes' data (default: a new directory in the system's temporary one)
  --lying-disks      all disks forget what they said was synced: this run must end in violations
`;

/** Throws an Error with a sentence. */
export function parseOptions(args: readonly string[]): ChaosOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      minutes: { type: "string", default: "2" },
      nemesis: { type: "string", default: NEMESES.join(",") },
      nodes: { type: "string", default: "3" },
      network: { type: "string", default: "proxy" },
      seed: { type: "string" },
      directory: { type: "string" },
      "lying-disks": { type: "boolean", default: false },
    },
  });
  const minutes = Number(values.minutes);
  if (!(minutes > 0 && minutes <= 1440))
    throw new Error(`--minutes must be a number of minutes, not ${values.minutes}`);
  const nodes = Number(values.nodes);
  if (!Number.isInteger(nodes) || nodes < 1 || nodes > 9)
    throw new Error(`--nodes must be 1 to 9, not ${values.nodes}`);
  const nemeses = values.nemesis.split(",").map((name) => {
    const known = NEMESES.find((nemesis) => nemesis === name);
    if (known === undefined) throw new Error(`there is no nemesis ${name}; known: ${NEMESES.join(", ")}`);
    return known;
  });
  const { network } = values;
  if (network !== "proxy" && network !== "netns") throw new Error(`--network must be proxy or netns, not ${network}`);
  const seed = values.seed === undefined ? randomInt(2 ** 31) : Number(values.seed);
  if (!Number.isSafeInteger(seed) || seed < 0) throw new Error(`--seed must be a whole number, not ${values.seed}`);
  return { minutes, nodes, nemeses, network, seed, lyingDisks: values["lying-disks"], directory: values.directory };
}
