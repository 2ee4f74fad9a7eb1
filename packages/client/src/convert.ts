/** From the wire's messages to the SDK's plain data. */
import * as proto from "@strongroom/proto";
import { assert, fromUtf8 } from "@strongroom/runtime";
import type { NodeStatus, SealState, Secret, SecretMetadata, SecretVersion } from "./types.ts";

export function secretFrom<Data>({ data, version }: proto.GetResponse): Secret<Data> {
  return {
    data: data === undefined ? undefined : (JSON.parse(fromUtf8(data)) as Data),
    bytes: data,
    version: versionFrom(version),
  };
}

export function versionFrom(version: proto.Version | undefined): SecretVersion {
  assert(version !== undefined, "the answer has a version");
  return {
    number: Number(version.number),
    createdTime: dateFrom(version.createdTime),
    deletionTime: version.deletionTime === undefined ? undefined : dateFrom(version.deletionTime),
    destroyed: version.destroyed,
    customMetadata: version.customMetadata,
  };
}

export function metadataFrom(message: proto.GetMetadataResponse): SecretMetadata {
  return {
    currentVersion: Number(message.currentVersion),
    oldestVersion: Number(message.oldestVersion),
    createdTime: dateFrom(message.createdTime),
    updatedTime: dateFrom(message.updatedTime),
    maxVersions: Number(message.maxVersions),
    casRequired: message.casRequired,
    deleteVersionAfter: message.deleteVersionAfter,
    customMetadata: message.customMetadata,
    versions: message.versions.map(versionFrom),
  };
}

export function nodeStatusFrom(message: proto.StatusResponse): NodeStatus {
  const { initialized, sealed, leader, leaderApiAddress, leaderClusterAddress } = message;
  const { version, clusterName, clusterId } = message;
  return {
    initialized,
    sealed,
    leader,
    leaderApiAddress,
    leaderClusterAddress,
    raftCommittedIndex: Number(message.raftCommittedIndex),
    raftAppliedIndex: Number(message.raftAppliedIndex),
    version,
    clusterName,
    clusterId,
  };
}

export function sealStateFrom(state: proto.SealState | undefined): SealState {
  assert(state !== undefined, "the answer has a state");
  const { type, initialized, sealed, threshold, shares, progress, nonce, version, clusterName, clusterId } = state;
  return { type, initialized, sealed, threshold, shares, progress, nonce, version, clusterName, clusterId };
}

function dateFrom(timestamp: Parameters<typeof proto.timestampDate>[0] | undefined): Date {
  assert(timestamp !== undefined, "the answer has this time");
  return proto.timestampDate(timestamp);
}
