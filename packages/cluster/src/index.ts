/**
 * A running replica: raft joined to a disk, a network and a clock, and the ports through which request workers use it.
 *
 * - `replica/` the synchronous step machine and the shell around it
 * - `port/` what a request worker holds: `WorkerStore`, `ClusterClient`
 * - `wal/`, `state/`, `snapshot/` the disk
 * - `transport/`, `membership/` the network, and who may take part
 */
export type { Authenticity, CommandAuthenticator, CommandSigner } from "./authenticator.ts";
export { sealedAuthenticator } from "./authenticator.ts";
export type { AutopilotConfig, AutopilotOptions, AutopilotParts } from "./autopilot.ts";
export { Autopilot, DEFAULT_AUTOPILOT } from "./autopilot.ts";
export type { DiskKeeperOptions } from "./disk/disk-keeper.ts";
export { DISK_INTERVAL_MS } from "./disk/disk-keeper.ts";
export type { DiskRoom, DiskSpace } from "./disk/disk-space.ts";
export type { DiskThresholds } from "./disk/disk-watch.ts";
export { DEFAULT_DISK, DiskWatch } from "./disk/disk-watch.ts";
export { NodeDiskSpace } from "./disk/node-disk-space.ts";
export type { ClusterCa, NodeName, ServerCertificates } from "./membership/certificates.ts";
export {
  CertificateError,
  caFingerprint,
  certificatePem,
  clusterOfCa,
  createClusterCa,
  makeServerCertificates,
  signNodeCertificate,
} from "./membership/certificates.ts";
export type { ServerCertificateOptions, StoredServerCertificates } from "./membership/certificates-files.ts";
export { createServerCertificates } from "./membership/certificates-files.ts";
export type { NodeMembership } from "./membership/identity.ts";
export { drawNodeId, IdentityError, NodeIdentity, verifyIdentitySignature } from "./membership/identity.ts";
export type { JoinDependencies, JoinOptions, JoinResult } from "./membership/join-client.ts";
export { JoinFailedError, joinCluster } from "./membership/join-client.ts";
export type { JoinAuthority, JoinedMember } from "./membership/join-service.ts";
export { JoinRefusedError, JoinService } from "./membership/join-service.ts";
export type { JoinToken, JoinTokenOptions, JoinTokenRow } from "./membership/join-token.ts";
export {
  decodeJoinToken,
  decodeJoinTokenRow,
  encodeJoinToken,
  encodeJoinTokenRow,
  JOIN_TOKEN_TTL_MS,
  JoinTokenError,
  joinTokenKey,
  newJoinToken,
} from "./membership/join-token.ts";
export type { MembershipParts } from "./membership/manager.ts";
export { isCaughtUp, MembershipError, MembershipManager } from "./membership/manager.ts";
export type { Channel, PortLike, Transferable } from "./port/channel.ts";
export { localChannelPair, portChannel } from "./port/channel.ts";
export type { ClusterClientParts, ServedCaller, ServedMethod } from "./port/cluster-client.ts";
export { ClusterClient, ClusterRequestError } from "./port/cluster-client.ts";
export type { ClusterMember, ClusterStatus } from "./port/cluster-status.ts";
export type { CallOutcome, CallTarget, ReplicaToWorker, WorkerToReplica } from "./port/messages.ts";
export type { ReplicaChannel, WorkerChannel } from "./port/worker-port.ts";
export { WorkerPort } from "./port/worker-port.ts";
export type { WorkerStoreParts } from "./port/worker-store.ts";
export { WorkerStore } from "./port/worker-store.ts";
export type { CheckpointKeeperOptions, CheckpointKeeperParts } from "./proof/checkpoint-keeper.ts";
export { CheckpointKeeper, DEFAULT_CHECKPOINTS } from "./proof/checkpoint-keeper.ts";
export type { ProofAuthenticator } from "./proof/state-proof.ts";
export type { ProvenState, StateProverParts } from "./proof/state-prover.ts";
export { StateProver, StateUnprovenError, StateWrongError } from "./proof/state-prover.ts";
export type { TestimonyParts } from "./proof/state-testimony.ts";
export { serveTestimonies } from "./proof/state-testimony.ts";
export { AuthenticatorGate } from "./replica/authenticator-gate.ts";
export type { Effect } from "./replica/effects.ts";
export type { IncarnationSource } from "./replica/incarnations.ts";
export { FileIncarnations, IncarnationFileError, MemoryIncarnations } from "./replica/incarnations.ts";
export type { Instant } from "./replica/log-clock.ts";
export type { LogTailLimits, LogTailStart } from "./replica/log-tail.ts";
export type { NodeRecord } from "./replica/node-record.ts";
export { decodeNodeRecord, demotedNodeKey, encodeNodeRecord, nodeKey, removedNodeKey } from "./replica/node-record.ts";
export type { Pace, ReplicaOptions, ReplicaParts, ReplicaTimings } from "./replica/options.ts";
export {
  DEFAULT_FLUSH_EVERY_BYTES,
  DEFAULT_PACE,
  DEFAULT_TAIL_LIMITS,
  DEFAULT_TICK_MS,
  DEFAULT_TIMINGS,
  timingsFor,
} from "./replica/options.ts";
export { QuarantineError, quarantine, refuseQuarantined } from "./replica/quarantine.ts";
export { BOOTSTRAP_INDEX, bootstrapRows, bootstrapTable, logStart, RecoveryError } from "./replica/recovered.ts";
export { Replica } from "./replica/replica.ts";
export { ReplicaShell } from "./replica/shell.ts";
export type { ReplicaShellOptions, ReplicaShellParts } from "./replica/shell-options.ts";
export type { ReceivedGeneration, ReplicaStateMachine } from "./replica/state-machine.ts";
export type { ScrubResult } from "./scrub/scrub-pass.ts";
export { scrubPass } from "./scrub/scrub-pass.ts";
export type { ScrubberOptions } from "./scrub/scrubber.ts";
export { DEFAULT_SCRUB } from "./scrub/scrubber.ts";
export { SnapshotDamagedError, SnapshotEmptyError, SnapshotRefusedError } from "./snapshot/errors.ts";
export { inspectSnapshot } from "./snapshot/inspect.ts";
export { restoreSnapshot } from "./snapshot/restore.ts";
export { beginRestore, endRestore, refuseUnfinishedRestore } from "./snapshot/restore-directory.ts";
export type { SnapshotSinkOptions } from "./snapshot/sink.ts";
export { SnapshotSink } from "./snapshot/sink.ts";
export type { SnapshotSourceOptions } from "./snapshot/source.ts";
export { SnapshotSource } from "./snapshot/source.ts";
export { readStoppedNode } from "./snapshot/stopped-node.ts";
export type { ReceivedSnapshot, SnapshotHeader, SnapshotSigner, SnapshotTrailer } from "./snapshot/types.ts";
export { CHECKPOINT_KEY, encodeCheckpoint } from "./state/checkpoint.ts";
export { ReplicaFatalError } from "./state/errors.ts";
export type { GenerationBuild, GenerationStore } from "./state/generation-store.ts";
export { INITIAL_GENERATION } from "./state/generation-store.ts";
export { Generations } from "./state/generations.ts";
export { MEMBERSHIP_KEY, PROPOSER_INDEX_KEY, proposerKey, REPLICA_STATE_KEY } from "./state/keys.ts";
export { membershipMutation } from "./state/membership-change.ts";
export type { MemoryGenerationsOptions } from "./state/memory-generations.ts";
export { MemoryGenerations } from "./state/memory-generations.ts";
export { SEQUENCE_WINDOW } from "./state/proposer-table.ts";
export { REGISTRATION_SEQUENCE, registrationMutation } from "./state/registration.ts";
export type { ReplicaState } from "./state/replica-state.ts";
export { decodeAppliedIndex, decodeReplicaState, encodeReplicaState } from "./state/replica-state.ts";
export type { StateMachineOptions } from "./state/state-machine.ts";
export { StateMachine } from "./state/state-machine.ts";
export type {
  AppliedMembership,
  AppliedVerdict,
  ApplyContext,
  ApplyResult,
  Milestone,
  RowReader,
} from "./state/types.ts";
export type { HostPort } from "./transport/address.ts";
export { AddressError, formatHostPort, parseHostPort } from "./transport/address.ts";
export { decodeMessage, encodeMessage } from "./transport/codec.ts";
export type { MemoryNetworkDependencies, MemoryNetworkOptions } from "./transport/memory-peer-transport.ts";
export { MemoryNetwork } from "./transport/memory-peer-transport.ts";
export type {
  DriverMessage,
  DropReason,
  NodeStatusMessage,
  PeerMessage,
  ProposalDroppedMessage,
  ProposalId,
  ProposeMembershipMessage,
  ProposeMessage,
} from "./transport/message.ts";
export type { TlsPeerTransportDependencies, TlsPeerTransportOptions } from "./transport/tls-peer-transport.ts";
export { TlsPeerTransport } from "./transport/tls-peer-transport.ts";
export type {
  Caller,
  CallOptions,
  ControlHandler,
  Peer,
  PeerTransport,
  PeerTransportEvents,
  PinnedAddress,
} from "./transport/transport.ts";
export { JOIN_METHOD, PeerCallError } from "./transport/transport.ts";
export { CLUSTER_VERSION_KEY, encodeClusterVersion, SUPPORTED_VERSION } from "./version/cluster-version.ts";
export type { VersionKeeperOptions, VersionKeeperParts } from "./version/version-keeper.ts";
export { DEFAULT_VERSION_KEEPING, VersionKeeper } from "./version/version-keeper.ts";
export type { WalExecutorEvents, WalHostOptions } from "./wal/hosted-wal.ts";
export { HostedWal, WalFailedError } from "./wal/hosted-wal.ts";
export { openInlineWal } from "./wal/inline-wal.ts";
export type { LogFiles } from "./wal/log-reader.ts";
export { MemoryWalDisk } from "./wal/memory-wal-disk.ts";
export { NodeWalDisk } from "./wal/node-wal-disk.ts";
export { executeOperations } from "./wal/operations.ts";
export { createWal, recoverWal } from "./wal/recovery.ts";
export type {
  InstalledSnapshot,
  WalBase,
  WalContents,
  WalEvents,
  WalGroup,
  WalHandle,
  WalIdentity,
  WalRecovery,
} from "./wal/types.ts";
export type { WalDisk } from "./wal/wal-disk.ts";
export type { WalPort, WalThreadReply, WalThreadRequest } from "./wal/wal-thread.ts";
export { openThreadWal, runWalThread, WAL_THREAD_IDLE_MS } from "./wal/wal-thread.ts";
export type { WalBatch } from "./wal/writer.ts";
