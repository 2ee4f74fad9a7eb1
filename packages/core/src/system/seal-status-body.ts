/** The body that `sys/seal-status` and `sys/unseal` share, in Vault's order of keys. */
import type { JsonMembers } from "../request.ts";
import type { SealStatus } from "../seal-gate.ts";

export function sealStatusBody(
  status: SealStatus,
  program: { readonly version: string; readonly buildDate: string },
): JsonMembers {
  const identity =
    status.sealed || status.clusterId === undefined
      ? {}
      : { cluster_name: status.clusterName ?? "", cluster_id: status.clusterId };
  return {
    type: status.type,
    initialized: status.initialized,
    sealed: status.sealed,
    t: status.t,
    n: status.n,
    progress: status.progress,
    nonce: status.nonce,
    version: program.version,
    build_date: program.buildDate,
    migration: false,
    ...identity,
    recovery_seal: false,
    storage_type: "raft",
  };
}
