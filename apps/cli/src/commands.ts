/** All commands by name, each loaded only when it is run, so that help and version answer at once. */
import type { Command } from "./command.ts";

export interface CommandEntry {
  readonly summary: string;
  load(): Promise<Command>;
}

export const COMMANDS: Readonly<Record<string, CommandEntry>> = {
  server: { summary: "Run a node", load: async () => (await import("./commands/server.ts")).server },
  demo: {
    summary: "Run a cluster of several nodes on this machine",
    load: async () => (await import("./commands/demo.ts")).demo,
  },
  status: {
    summary: "Show the seal and the cluster's state",
    load: async () => (await import("./commands/status.ts")).status,
  },
  read: { summary: "Read a path", load: async () => (await import("./commands/read.ts")).read },
  write: { summary: "Write to a path", load: async () => (await import("./commands/write.ts")).write },
  list: { summary: "List the names below a path", load: async () => (await import("./commands/list.ts")).list },
  delete: { summary: "Delete a path", load: async () => (await import("./commands/delete.ts")).deletePath },
  "kv get": { summary: "Read a secret", load: async () => (await import("./commands/kv-get.ts")).kvGet },
  "kv put": {
    summary: "Write a new version of a secret",
    load: async () => (await import("./commands/kv-put.ts")).kvPut,
  },
  "kv list": { summary: "List secrets", load: async () => (await import("./commands/kv-list.ts")).kvList },
  "kv delete": {
    summary: "Delete versions so that they can come back",
    load: async () => (await import("./commands/kv-delete.ts")).kvDelete,
  },
  "kv undelete": {
    summary: "Bring deleted versions back",
    load: async () => (await import("./commands/kv-undelete.ts")).kvUndelete,
  },
  "kv destroy": {
    summary: "Remove versions' data for good",
    load: async () => (await import("./commands/kv-destroy.ts")).kvDestroy,
  },
  "kv rollback": {
    summary: "Write an old version again as the newest",
    load: async () => (await import("./commands/kv-rollback.ts")).kvRollback,
  },
  "kv metadata get": {
    summary: "Show a secret's metadata",
    load: async () => (await import("./commands/kv-metadata-get.ts")).kvMetadataGet,
  },
  "kv metadata patch": {
    summary: "Change some of a secret's metadata",
    load: async () => (await import("./commands/kv-metadata-patch.ts")).kvMetadataPatch,
  },
  "kv metadata put": {
    summary: "Set a secret's metadata",
    load: async () => (await import("./commands/kv-metadata-put.ts")).kvMetadataPut,
  },
  "kv metadata delete": {
    summary: "Remove a secret with all its versions",
    load: async () => (await import("./commands/kv-metadata-delete.ts")).kvMetadataDelete,
  },
  "audit verify": {
    summary: "Check audit records for changes and gaps",
    load: async () => (await import("./commands/audit-verify.ts")).auditVerify,
  },
  login: {
    summary: "Log in and keep the token",
    load: async () => (await import("./commands/login.ts")).login,
  },
  unwrap: {
    summary: "Give the answer that a wrapping token holds",
    load: async () => (await import("./commands/unwrap.ts")).unwrap,
  },
  patch: {
    summary: "Change part of what is at a path",
    load: async () => (await import("./commands/patch.ts")).patch,
  },
  "path-help": {
    summary: "Show the server's help for a path",
    load: async () => (await import("./commands/path-help.ts")).pathHelp,
  },
  "print token": {
    summary: "Print the token in use",
    load: async () => (await import("./commands/print-token.ts")).printToken,
  },
  "kv patch": {
    summary: "Write a new version of a secret, changed in part",
    load: async () => (await import("./commands/kv-patch.ts")).kvPatch,
  },
  "kv enable-versioning": {
    summary: "Give the secrets of a mount versions",
    load: async () => (await import("./commands/kv-enable-versioning.ts")).kvEnableVersioning,
  },
  "secrets list": {
    summary: "List secrets engines",
    load: async () => (await import("./commands/secrets-list.ts")).secretsList,
  },
  "secrets enable": {
    summary: "Mount a secrets engine",
    load: async () => (await import("./commands/secrets-enable.ts")).secretsEnable,
  },
  "secrets disable": {
    summary: "Take a secrets engine away",
    load: async () => (await import("./commands/secrets-disable.ts")).secretsDisable,
  },
  "secrets tune": {
    summary: "Change a secrets engine's settings",
    load: async () => (await import("./commands/secrets-tune.ts")).secretsTune,
  },
  "secrets move": {
    summary: "Move a secrets engine",
    load: async () => (await import("./commands/secrets-move.ts")).secretsMove,
  },
  "auth list": {
    summary: "List auth methods",
    load: async () => (await import("./commands/auth-list.ts")).authList,
  },
  "auth enable": {
    summary: "Mount an auth method",
    load: async () => (await import("./commands/auth-enable.ts")).authEnable,
  },
  "auth disable": {
    summary: "Take an auth method away",
    load: async () => (await import("./commands/auth-disable.ts")).authDisable,
  },
  "auth tune": {
    summary: "Change an auth method's settings",
    load: async () => (await import("./commands/auth-tune.ts")).authTune,
  },
  "auth move": {
    summary: "Move an auth method",
    load: async () => (await import("./commands/auth-move.ts")).authMove,
  },
  "auth help": {
    summary: "Show an auth method's help",
    load: async () => (await import("./commands/auth-help.ts")).authHelp,
  },
  "policy list": {
    summary: "List policies",
    load: async () => (await import("./commands/policy-list.ts")).policyList,
  },
  "policy read": {
    summary: "Print a policy",
    load: async () => (await import("./commands/policy-read.ts")).policyRead,
  },
  "policy write": {
    summary: "Write a policy",
    load: async () => (await import("./commands/policy-write.ts")).policyWrite,
  },
  "policy delete": {
    summary: "Remove a policy",
    load: async () => (await import("./commands/policy-delete.ts")).policyDelete,
  },
  "policy fmt": {
    summary: "Check a policy and tidy its text",
    load: async () => (await import("./commands/policy-fmt.ts")).policyFmt,
  },
  "policy explain": {
    summary: "Say why a token may or may not do something",
    load: async () => (await import("./commands/policy-explain.ts")).policyExplain,
  },
  "token create": {
    summary: "Make a token",
    load: async () => (await import("./commands/token-create.ts")).tokenCreate,
  },
  "token renew": {
    summary: "Have a token live on",
    load: async () => (await import("./commands/token-renew.ts")).tokenRenew,
  },
  "token revoke": {
    summary: "End a token",
    load: async () => (await import("./commands/token-revoke.ts")).tokenRevoke,
  },
  "token capabilities": {
    summary: "Show what a token may do at a path",
    load: async () => (await import("./commands/token-capabilities.ts")).tokenCapabilities,
  },
  "lease lookup": {
    summary: "Show a lease",
    load: async () => (await import("./commands/lease-lookup.ts")).leaseLookup,
  },
  "lease renew": {
    summary: "Have a lease last longer",
    load: async () => (await import("./commands/lease-renew.ts")).leaseRenew,
  },
  "lease revoke": {
    summary: "End a lease",
    load: async () => (await import("./commands/lease-revoke.ts")).leaseRevoke,
  },
  "audit list": {
    summary: "List audit devices",
    load: async () => (await import("./commands/audit-list.ts")).auditList,
  },
  "audit enable": {
    summary: "Add an audit device",
    load: async () => (await import("./commands/audit-enable.ts")).auditEnable,
  },
  "audit disable": {
    summary: "Take an audit device away",
    load: async () => (await import("./commands/audit-disable.ts")).auditDisable,
  },
  "operator init": {
    summary: "Set up a new cluster and make its key shares",
    load: async () => (await import("./commands/operator-init.ts")).operatorInit,
  },
  "operator rekey": {
    summary: "Replace the key shares, the root key and the data key",
    load: async () => (await import("./commands/operator-rekey.ts")).operatorRekey,
  },
  "operator members": {
    summary: "Show the nodes and which one leads",
    load: async () => (await import("./commands/operator-members.ts")).operatorMembers,
  },
  "operator rotate": {
    summary: "Seal new rows with a new key",
    load: async () => (await import("./commands/operator-rotate.ts")).operatorRotate,
  },
  "operator key-status": {
    summary: "Show which key seals new rows",
    load: async () => (await import("./commands/operator-key-status.ts")).operatorKeyStatus,
  },
  "operator unseal": {
    summary: "Give one key share",
    load: async () => (await import("./commands/operator-unseal.ts")).operatorUnseal,
  },
  "operator step-down": {
    summary: "Have a node hand leadership over",
    load: async () => (await import("./commands/operator-step-down.ts")).operatorStepDown,
  },
  "operator seal": {
    summary: "Seal the node asked",
    load: async () => (await import("./commands/operator-seal.ts")).operatorSeal,
  },
  "operator raft list-peers": {
    summary: "Show the cluster's members",
    load: async () => (await import("./commands/operator-raft-list-peers.ts")).operatorRaftListPeers,
  },
  "operator raft remove-peer": {
    summary: "Remove a member for good",
    load: async () => (await import("./commands/operator-raft-remove-peer.ts")).operatorRaftRemovePeer,
  },
  "operator raft promote": {
    summary: "Make a learner a voter",
    load: async () => (await import("./commands/operator-raft-promote.ts")).operatorRaftPromote,
  },
  "operator raft demote": {
    summary: "Make a voter a learner",
    load: async () => (await import("./commands/operator-raft-demote.ts")).operatorRaftDemote,
  },
  "operator raft transfer-leader": {
    summary: "Hand leadership over",
    load: async () => (await import("./commands/operator-raft-transfer-leader.ts")).operatorRaftTransferLeader,
  },
  "operator raft autopilot state": {
    summary: "Show the members' health",
    load: async () => (await import("./commands/operator-raft-autopilot-state.ts")).operatorRaftAutopilotState,
  },
  "operator raft autopilot get-config": {
    summary: "Show how the membership is tended",
    load: async () => (await import("./commands/operator-raft-autopilot-get-config.ts")).operatorRaftAutopilotGetConfig,
  },
  "operator raft autopilot set-config": {
    summary: "Change how the membership is tended",
    load: async () => (await import("./commands/operator-raft-autopilot-set-config.ts")).operatorRaftAutopilotSetConfig,
  },
  "operator raft snapshot save": {
    summary: "Save the cluster's state to a file",
    load: async () => (await import("./commands/operator-raft-snapshot-save.ts")).operatorRaftSnapshotSave,
  },
  "operator raft snapshot restore": {
    summary: "Begin a new cluster with a saved state",
    load: async () => (await import("./commands/operator-raft-snapshot-restore.ts")).operatorRaftSnapshotRestore,
  },
  "operator raft snapshot inspect": {
    summary: "Show and prove a snapshot",
    load: async () => (await import("./commands/operator-raft-snapshot-inspect.ts")).operatorRaftSnapshotInspect,
  },
  "operator raft join-token": {
    summary: "Make a token that lets one node join",
    load: async () => (await import("./commands/operator-raft-join-token.ts")).operatorRaftJoinToken,
  },
  "token lookup": {
    summary: "Show what a token is",
    load: async () => (await import("./commands/token-lookup.ts")).tokenLookup,
  },
  version: { summary: "Print the version", load: async () => (await import("./commands/version.ts")).version },
  "version-history": {
    summary: "Show which versions have led the cluster",
    load: async () => (await import("./commands/version-history.ts")).versionHistory,
  },
};
