/** `npm run bench -- NAME [options]`: the macro benchmarks. Each prints a table and writes its figures as JSON. */

import { auditBench } from "./audit-bench.ts";
import { clusterBench } from "./cluster.ts";
import { failoverBench } from "./failover-bench.ts";
import { leasesBench } from "./leases.ts";
import { oneCoreBench } from "./one-core.ts";
import { UsageError } from "./options.ts";
import { policyBench } from "./policy-bench.ts";
import { raftBench } from "./raft.ts";
import { vaultBench } from "./vault.ts";

const BENCHES: Readonly<Record<string, (args: readonly string[]) => Promise<void>>> = {
  cluster: clusterBench,
  audit: auditBench,
  leases: leasesBench,
  "one-core": oneCoreBench,
  failover: failoverBench,
  policy: policyBench,
  raft: raftBench,
  vault: vaultBench,
};

const [name = "", ...args] = process.argv.slice(2);
const bench = BENCHES[name];
if (bench === undefined) {
  process.stderr.write(`Usage: npm run bench -- ${Object.keys(BENCHES).join("|")} [options | --help]\n`);
  process.exitCode = 1;
} else {
  await bench(args).catch((error: unknown) => {
    if (!(error instanceof UsageError)) throw error;
    (error.exitCode === 0 ? process.stdout : process.stderr).write(`${error.message}\n`);
    process.exitCode = error.exitCode;
  });
}
