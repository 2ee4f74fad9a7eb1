/** `npm run bench -- NAME [options]`: the macro benchmarks. Each prints a table and writes its figures as JSON. */

import { auditBench } from "./audit-bench.ts";
import { clusterBench } from "./cluster.ts";
import { failoverBench } from "./failover-bench.ts";
import { leasesBench } from "./leases.ts";
import { policyBench } from "./policy-bench.ts";
import { vaultBench } from "./vault.ts";

const BENCHES: Readonly<Record<string, (args: readonly string[]) => Promise<void>>> = {
  cluster: clusterBench,
  audit: auditBench,
  leases: leasesBench,
  failover: failoverBench,
  policy: policyBench,
  vault: vaultBench,
};

const [name = "", ...args] = process.argv.slice(2);
const bench = BENCHES[name];
if (bench === undefined) {
  process.stderr.write(`Usage: npm run bench -- ${Object.keys(BENCHES).join("|")} [options]\n`);
  process.exitCode = 1;
} else {
  await bench(args);
}
