/** The two mounts that no table lists, `sys/` and `auth/token/`, put together from their endpoints. */
import { type Backend, defineBackend, type MountInfo, type PathDefinition } from "@strongroom/logical";
import { present } from "@strongroom/runtime";
import { SYSTEM_MOUNT, TOKEN_MOUNT } from "../mount-entry.ts";
import { auditDevicePath, auditPath } from "./audit.ts";
import { auditHashPath } from "./audit-hash.ts";
import { auditHeaderPath, auditHeadersPath } from "./audit-headers.ts";
import { auditStatusPath } from "./audit-status.ts";
import { capabilitiesAccessorPath, capabilitiesPath, capabilitiesSelfPath } from "./capabilities.ts";
import { haStatusPath } from "./ha-status.ts";
import { healthPath } from "./health.ts";
import { initPath } from "./init.ts";
import { internalUiMountPath, internalUiMountsPath } from "./internal-ui-mounts.ts";
import { internalUiResultantAclPath } from "./internal-ui-resultant-acl.ts";
import { leaderPath } from "./leader.ts";
import { leasesCountPath, leasesPath, leasesTidyPath } from "./leases-irrevocable.ts";
import { leasesListPath, leasesLookupPath } from "./leases-lookup.ts";
import { leaseRenewPaths } from "./leases-renew.ts";
import { leaseRevokePaths } from "./leases-revoke.ts";
import { leaseRevokePrefixPaths } from "./leases-revoke-prefix.ts";
import { lockedUsersPath, unlockUserPath } from "./locked-users.ts";
import { metricsPath } from "./metrics.ts";
import { authMountPath, mountPath } from "./mount.ts";
import { authMountTunePath, mountTunePath } from "./mount-tune.ts";
import { authMountsPath, mountsPath } from "./mounts.ts";
import { openApiPath } from "./openapi.ts";
import { policiesAclPath } from "./policies-acl.ts";
import { policiesAclNamePath } from "./policies-acl-name.ts";
import { policiesExplainPath } from "./policies-explain.ts";
import { policiesPasswordPath } from "./policies-password.ts";
import { policiesPasswordGeneratePath } from "./policies-password-generate.ts";
import { policiesPasswordNamePath } from "./policies-password-name.ts";
import { policyPath } from "./policy.ts";
import { policyNamePath } from "./policy-name.ts";
import { raftAutopilotConfigurationPath, raftAutopilotStatePath } from "./raft-autopilot.ts";
import { raftConfigurationPath } from "./raft-configuration.ts";
import { raftDigestPath } from "./raft-digest.ts";
import { raftJoinPath } from "./raft-join.ts";
import { raftJoinTokenPath } from "./raft-join-token.ts";
import { raftDemotePath, raftPromotePath, raftTransferLeaderPath } from "./raft-members.ts";
import { raftRemovePeerPath } from "./raft-remove-peer.ts";
import { raftSnapshotForcePath, raftSnapshotPath } from "./raft-snapshot.ts";
import { rekeyInitPath } from "./rekey-init.ts";
import { rekeyUpdatePath } from "./rekey-update.ts";
import { rekeyVerifyPath } from "./rekey-verify.ts";
import { remountPath, remountStatusPath } from "./remount.ts";
import { keyStatusPath, rotateKeyringPath, rotatePath } from "./rotate.ts";
import { sealPath } from "./seal.ts";
import { sealStatusPath } from "./seal-status.ts";
import { stepDownPath } from "./step-down.ts";
import type { SystemPath, SystemServices } from "./system-path.ts";
import { tokenAccessorsPath } from "./token/accessors.ts";
import { tokenCreateByRolePath, tokenCreateOrphanPath, tokenCreatePath } from "./token/create.ts";
import { tokenLookupAccessorPath, tokenLookupPath, tokenLookupSelfPath } from "./token/lookup.ts";
import { tokenRenewAccessorPath, tokenRenewPath, tokenRenewSelfPath } from "./token/renew.ts";
import {
  tokenRevokeAccessorPath,
  tokenRevokeOrphanPath,
  tokenRevokePath,
  tokenRevokeSelfPath,
} from "./token/revoke.ts";
import { tokenRolePath, tokenRolesPath } from "./token/roles.ts";
import { tokenTidyPath } from "./token/tidy.ts";
import { hashByAlgorithmPath, hashPath } from "./tools/hash.ts";
import { randomByLengthPath, randomBySourcePath, randomPath } from "./tools/random.ts";
import { unsealPath } from "./unseal.ts";
import { versionHistoryPath } from "./version-history.ts";
import { wrappingLookupPath } from "./wrapping/lookup.ts";
import { rewrapPath } from "./wrapping/rewrap.ts";
import { unwrapPath } from "./wrapping/unwrap.ts";
import { wrapPath } from "./wrapping/wrap.ts";

const SYSTEM_PATHS = [
  auditPath,
  auditDevicePath,
  auditHashPath,
  auditHeaderPath,
  auditHeadersPath,
  auditStatusPath,
  hashByAlgorithmPath,
  hashPath,
  randomByLengthPath,
  randomBySourcePath,
  randomPath,
  rewrapPath,
  unwrapPath,
  wrapPath,
  wrappingLookupPath,
  capabilitiesPath,
  capabilitiesAccessorPath,
  capabilitiesSelfPath,
  authMountPath,
  authMountsPath,
  authMountTunePath,
  haStatusPath,
  healthPath,
  initPath,
  keyStatusPath,
  internalUiMountPath,
  internalUiMountsPath,
  internalUiResultantAclPath,
  leaderPath,
  leaseRenewPaths,
  leaseRevokePaths,
  leaseRevokePrefixPaths,
  leasesCountPath,
  leasesListPath,
  leasesLookupPath,
  leasesPath,
  leasesTidyPath,
  lockedUsersPath,
  metricsPath,
  mountPath,
  mountsPath,
  mountTunePath,
  policiesAclPath,
  policiesAclNamePath,
  policiesExplainPath,
  policiesPasswordPath,
  policiesPasswordGeneratePath,
  policiesPasswordNamePath,
  policyPath,
  policyNamePath,
  raftAutopilotConfigurationPath,
  raftAutopilotStatePath,
  raftConfigurationPath,
  raftDemotePath,
  raftDigestPath,
  raftJoinPath,
  raftJoinTokenPath,
  raftPromotePath,
  raftRemovePeerPath,
  raftSnapshotForcePath,
  raftSnapshotPath,
  raftTransferLeaderPath,
  rekeyInitPath,
  rekeyUpdatePath,
  rekeyVerifyPath,
  rotateKeyringPath,
  rotatePath,
  remountPath,
  remountStatusPath,
  sealPath,
  sealStatusPath,
  stepDownPath,
  unlockUserPath,
  unsealPath,
  versionHistoryPath,
];

const TOKEN_PATHS = [
  tokenAccessorsPath,
  tokenCreateByRolePath,
  tokenCreateOrphanPath,
  tokenCreatePath,
  tokenLookupAccessorPath,
  tokenLookupPath,
  tokenLookupSelfPath,
  tokenRenewAccessorPath,
  tokenRenewPath,
  tokenRenewSelfPath,
  tokenRevokeAccessorPath,
  tokenRevokeOrphanPath,
  tokenRevokePath,
  tokenRevokeSelfPath,
  tokenRolePath,
  tokenRolesPath,
  tokenTidyPath,
];

export interface SystemBackend {
  readonly mount: MountInfo;
  readonly backend: Backend;
  /** What was declared about one of the backend's own paths. */
  declaration(path: PathDefinition): SystemPath;
}

export function systemBackends(services: SystemServices): readonly SystemBackend[] {
  const backends: readonly SystemBackend[] = [
    systemBackend(
      "sys/",
      SYSTEM_MOUNT,
      // One of them tells of all.
      [...SYSTEM_PATHS.flatMap((make) => make(services)), openApiPath(services, () => backends)],
      "The server itself.",
    ),
    systemBackend(
      "auth/token/",
      TOKEN_MOUNT,
      TOKEN_PATHS.map((make) => make(services)),
      "Tokens.",
    ),
  ];
  return backends;
}

function systemBackend(
  path: string,
  mount: typeof SYSTEM_MOUNT,
  paths: readonly SystemPath[],
  help: string,
): SystemBackend {
  const backend = defineBackend({ type: mount.type, help, paths: paths.map((declared) => declared.path) });
  const byDefinition = new Map(paths.map((declared) => [declared.path, declared]));
  return {
    mount: {
      path,
      type: mount.type,
      accessor: mount.accessor,
      uuid: mount.uuid,
      options: new Map(),
      config: { defaultLeaseTtlSeconds: 0, maxLeaseTtlSeconds: 0 },
    },
    backend,
    declaration: (path) => present(byDefinition.get(path), "every path was declared"),
  };
}
