/**
 * The side of a join that the newcomer runs, before it has a certificate: it goes from address to address of its token
 * until a node that proves to belong to the token's cluster has admitted it. The secret goes to no other.
 */
import {
  create,
  fromBinary,
  JoinRequestSchema,
  type JoinResponse,
  JoinResponseSchema,
  toBinary,
} from "@strongroom/proto";
import type { Clock, Logger, Timers } from "@strongroom/runtime";
import { StrongroomError } from "@strongroom/runtime";
import { JOIN_METHOD, PeerCallError, type PeerTransport } from "../transport/transport.ts";
import { caFingerprint } from "./certificates.ts";
import type { NodeIdentity, NodeMembership } from "./identity.ts";
import { type JoinedMember, joinProofMessage } from "./join-service.ts";
import { decodeJoinToken, type JoinToken } from "./join-token.ts";

/** `join_refused`: the cluster will not have this node on this token. `join_unavailable`: no node could say in time. */
export class JoinFailedError extends StrongroomError {
  readonly code: "join_refused" | "join_unavailable";

  constructor(code: "join_refused" | "join_unavailable", message: string, options: { readonly cause?: unknown } = {}) {
    super(message, options);
    this.code = code;
  }
}

export interface JoinOptions {
  /** As the operator gave it. */
  readonly token: string;
  readonly identity: NodeIdentity;
  readonly name: string;
  readonly clusterAddress: string;
  readonly apiAddress: string;
  readonly grpcAddress: string;
  /** How long to go on trying nodes that are sealed or cannot be reached. */
  readonly timeoutMs: number;
}

export interface JoinDependencies {
  /** A transport that need not have been started. */
  readonly transport: Pick<PeerTransport, "call">;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly logger: Logger;
}

export interface JoinResult {
  /** What to give to `NodeIdentity.adopt`, which checks the certificate. */
  readonly membership: NodeMembership;
  /** The members at that moment, this node perhaps among them. */
  readonly members: readonly JoinedMember[];
  /** The token was made to open the node as well. */
  readonly open: boolean;
}

const CALL_TIMEOUT_MS = 10_000;
const FIRST_PAUSE_MS = 250;
const MAX_PAUSE_MS = 2000;

/** What another node, or the same one later, may answer differently. */
const TRANSIENT_CODES: ReadonlySet<string> = new Set([
  "sealed",
  "unavailable",
  "not_committed",
  "outcome_unknown",
  "membership_conflict",
  "unknown_method",
  "peer_unavailable",
]);

/** Joins, or throws `JoinTokenError` or `JoinFailedError`. It may be called again with the same token and identity. */
export async function joinCluster(options: JoinOptions, dependencies: JoinDependencies): Promise<JoinResult> {
  const token = decodeJoinToken(options.token);
  const payload = requestPayload(token, options);
  const { clock, timers, logger } = dependencies;
  const deadlineMs = clock.monotonicMs() + options.timeoutMs;
  let pauseMs = FIRST_PAUSE_MS;
  try {
    for (;;) {
      let last: PeerCallError | undefined;
      for (const address of token.addresses) {
        const remainingMs = deadlineMs - clock.monotonicMs();
        if (remainingMs <= 0) break;
        const timeoutMs = Math.min(CALL_TIMEOUT_MS, remainingMs);
        try {
          const to = { address, caFingerprint: token.caFingerprint };
          const answer = await dependencies.transport.call(to, JOIN_METHOD, payload, { timeoutMs });
          return resultOf(fromBinary(JoinResponseSchema, answer), token, options);
        } catch (error) {
          if (!(error instanceof PeerCallError)) throw error;
          if (!isTransient(error)) throw new JoinFailedError("join_refused", error.message, { cause: error });
          logger.info("a node cannot admit this one now", { address, reason: error.message });
          last = error;
        }
      }
      if (clock.monotonicMs() + pauseMs >= deadlineMs)
        throw new JoinFailedError(
          "join_unavailable",
          `no node of the cluster could admit this one; the last said: ${last?.message ?? "nothing in time"}`,
          { cause: last },
        );
      await new Promise<void>((resolve) => timers.after(pauseMs, resolve));
      pauseMs = Math.min(pauseMs * 2, MAX_PAUSE_MS);
    }
  } finally {
    payload.fill(0);
    token.secret.fill(0);
  }
}

function isTransient(error: PeerCallError): boolean {
  return error.code === "peer_unavailable" || (error.remoteCode !== undefined && TRANSIENT_CODES.has(error.remoteCode));
}

function requestPayload(token: JoinToken, options: JoinOptions): Uint8Array {
  const { identity, name, clusterAddress, apiAddress, grpcAddress } = options;
  const publicKey = identity.publicKeySpki;
  const request = create(JoinRequestSchema, {
    tokenId: token.id,
    tokenSecret: token.secret,
    publicKey,
    proof: identity.sign(joinProofMessage(token.id, publicKey)),
    name,
    clusterAddress,
    apiAddress,
    grpcAddress,
  });
  return toBinary(JoinRequestSchema, request);
}

function resultOf(response: JoinResponse, token: JoinToken, options: JoinOptions): JoinResult {
  if (caFingerprint(response.caCertificate) !== token.caFingerprint)
    throw new JoinFailedError(
      "join_refused",
      "the node answered with the certificate of another cluster than the token's",
    );
  const { name, clusterAddress, apiAddress, grpcAddress } = options;
  return {
    membership: {
      clusterId: response.clusterId,
      nodeId: Number(response.nodeId),
      certificateDer: response.certificate,
      caCertificateDer: response.caCertificate,
      name,
      clusterAddress,
      apiAddress,
      grpcAddress,
    },
    members: response.members.map((member) => ({
      nodeId: Number(member.nodeId),
      name: member.name,
      clusterAddress: member.clusterAddress,
      apiAddress: member.apiAddress,
      grpcAddress: member.grpcAddress,
    })),
    open: response.open,
  };
}
