/** What the SDK takes and gives: plain data, with numbers and dates where the wire has 64-bit integers and timestamps. */

/** Where and as whom to connect. What is not given comes from the environment: see `environment.ts`. */
export interface ConnectOptions {
  /** `host:port` of nodes' gRPC doors; the client moves on to the next when one is down or sealed. */
  readonly addresses?: readonly string[] | undefined;
  /** One address, in place of `addresses`. */
  readonly address?: string | undefined;
  /** Sent with each call that needs one. */
  readonly token?: string | undefined;
  /** PEM of the CA that the servers' certificates come from. */
  readonly caCert?: string | Uint8Array | undefined;
  readonly caCertFile?: string | undefined;
  /** SHA-256 of that CA's certificate in hexadecimal, as a server prints it at its start. */
  readonly caFingerprint?: string | undefined;
  /** Plain text, for a development server; refused unless all addresses are this machine's. */
  readonly insecure?: boolean | undefined;
  readonly namespace?: string | undefined;
  /** How long a call may take, all its tries together. Default 10 s. */
  readonly deadlineMs?: number | undefined;
  readonly retry?: Partial<RetryOptions> | undefined;
}

export interface RetryOptions {
  /** Tries of one call in all; 1 is no retry. Default: as many as the deadline allows. */
  readonly maxTries: number;
  /** The pause after all addresses were tried once is drawn from 0 to this, and the bound doubles each round. Default 50. */
  readonly firstDelayMs: number;
  /** No pause is longer. Default 500. */
  readonly maxDelayMs: number;
}

export interface CallOptions {
  /** In place of the client's own. */
  readonly deadlineMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface GetOptions extends CallOptions {
  /** The newest unless given. */
  readonly version?: number | undefined;
}

export interface WriteOptions extends CallOptions {
  /**
   * A UUIDv7 that names this write: whoever repeats it within ten minutes, with the same token and contents, gets the first
   * answer. The client draws one for each call, so its own tries are one write; give it to make tries of yours one too.
   */
  readonly requestId?: string | undefined;
}

export interface PutOptions extends WriteOptions {
  /** Write only if this is the current version; 0: only if there is none. */
  readonly cas?: number | undefined;
}

export interface DeleteOptions extends WriteOptions {
  /** The newest unless given. */
  readonly versions?: readonly number[] | undefined;
}

export type JsonObject = { readonly [name: string]: unknown };

export interface SecretVersion {
  readonly number: number;
  readonly createdTime: Date;
  /** When it was or will be deleted. */
  readonly deletionTime: Date | undefined;
  /** Its data is gone for good. */
  readonly destroyed: boolean;
  readonly customMetadata: Readonly<Record<string, string>>;
}

/** A version of a secret. */
export interface Secret<Data = JsonObject> {
  /** Parsed by `JSON.parse`, so numbers are doubles; undefined when the version is deleted or destroyed. */
  readonly data: Data | undefined;
  /** The same as the bytes that were written. */
  readonly bytes: Uint8Array | undefined;
  readonly version: SecretVersion;
}

export interface SecretMetadata {
  readonly currentVersion: number;
  readonly oldestVersion: number;
  readonly createdTime: Date;
  readonly updatedTime: Date;
  /** 0: as the mount says. */
  readonly maxVersions: number;
  readonly casRequired: boolean;
  /** As Go writes durations; `0s`: as the mount says. */
  readonly deleteVersionAfter: string;
  readonly customMetadata: Readonly<Record<string, string>>;
  /** By number, ascending. */
  readonly versions: readonly SecretVersion[];
}

export interface NodeStatus {
  readonly initialized: boolean;
  readonly sealed: boolean;
  readonly leader: boolean;
  readonly leaderApiAddress: string;
  readonly leaderClusterAddress: string;
  readonly raftCommittedIndex: number;
  readonly raftAppliedIndex: number;
  readonly version: string;
  readonly clusterName: string;
  readonly clusterId: string;
}

export interface SealState {
  readonly type: string;
  readonly initialized: boolean;
  readonly sealed: boolean;
  readonly threshold: number;
  readonly shares: number;
  readonly progress: number;
  readonly nonce: string;
  readonly version: string;
  readonly clusterName: string;
  readonly clusterId: string;
}
