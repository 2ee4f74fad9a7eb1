/**
 * The side of a join that an unsealed member serves. A newcomer shows a token and a key; if both are good, one entry of
 * the log adds it as a learner and spends the token, and the cluster CA certifies its key. The token's row remembers for
 * which key it was spent, so a newcomer whose answer was lost asks again and hears the same; with another key it does not.
 */

import {
  create,
  fromBinary,
  type JoinRequest,
  JoinRequestSchema,
  JoinResponseSchema,
  toBinary,
} from "@strongroom/proto";
import type { Entropy, Logger } from "@strongroom/runtime";
import { concatBytes, equalBytes, StrongroomError, toHex, utf8 } from "@strongroom/runtime";
import type { CommandDraft, Revision } from "@strongroom/storage";
import type { NodeRecord } from "../replica/node-record.ts";
import { AddressError, parseHostPort } from "../transport/address.ts";
import type { Caller } from "../transport/transport.ts";
import { drawNodeId, verifyIdentitySignature } from "./identity.ts";
import {
  encodeJoinTokenRow,
  isInNetwork,
  isNodeName,
  type JoinTokenRow,
  joinTokenKey,
  NODE_NAME_RULE,
} from "./join-token.ts";

/** `sealed`: this node cannot admit anybody now, another one may. `join_refused`: nobody will, on this request. */
export class JoinRefusedError extends StrongroomError {
  readonly code: "sealed" | "join_refused";

  constructor(code: "sealed" | "join_refused", message: string) {
    super(message);
    this.code = code;
  }
}

/** A member as a newcomer is told of it. */
export interface JoinedMember {
  readonly nodeId: number;
  readonly name: string;
  readonly clusterAddress: string;
  readonly apiAddress: string;
  readonly grpcAddress: string;
}

/** What admits nodes: store, barrier and membership of an unsealed worker, joined where all of them are known. */
export interface JoinAuthority {
  readonly sealed: boolean;
  /** The log's time. */
  logTimeMs(): number;
  /** The keyed hash under which a token's row stands; `idAndSecret` is their concatenation. 32 bytes. */
  hashToken(idAndSecret: Uint8Array): Uint8Array;
  /** The row as of now, linearizably. */
  readTokenRow(key: Uint8Array): Promise<{ readonly row: JoinTokenRow; readonly revision: Revision } | undefined>;
  /**
   * Adds the node as a learner and carries out `draft`, in one entry. Throws an error with the code
   * `membership_conflict` when a guard failed, and the store's errors.
   */
  addLearner(nodeId: number, record: NodeRecord, draft: CommandDraft): Promise<void>;
  /** The certificate (DER) for a node of this cluster. */
  signCertificate(nodeId: number, publicKeySpki: Uint8Array): Uint8Array;
  cluster(): Promise<{
    readonly clusterId: string;
    readonly caCertificateDer: Uint8Array;
    readonly members: readonly JoinedMember[];
  }>;
}

/** What a newcomer signs, to prove that it holds the key that it wants certified. */
export function joinProofMessage(tokenId: Uint8Array, publicKeySpki: Uint8Array): Uint8Array {
  return concatBytes([utf8("strongroom join v1\0"), tokenId, publicKeySpki]);
}

const UNKNOWN_TOKEN = "the join token is unknown, expired or used up; make a new one with `operator raft join-token`";
/** More than one conflict in a row means that somebody else is using the token, or the cluster changes all the time. */
const MAX_TRIES = 3;

export class JoinService {
  readonly #authority: JoinAuthority;
  readonly #entropy: Entropy;
  readonly #logger: Logger;

  constructor(authority: JoinAuthority, { entropy, logger }: { readonly entropy: Entropy; readonly logger: Logger }) {
    this.#authority = authority;
    this.#entropy = entropy;
    this.#logger = logger;
  }

  /**
   * The handler for `JOIN_METHOD`: bytes of a `JoinRequest` to bytes of a `JoinResponse`. Throws `JoinRefusedError`, and
   * the store's errors, after which the same request may be sent again.
   */
  async handle(payload: Uint8Array, caller: Pick<Caller, "remoteAddress">): Promise<Uint8Array> {
    if (this.#authority.sealed)
      throw new JoinRefusedError("sealed", "this node is sealed and admits nobody; unseal it, or ask another node");
    const request = parseRequest(payload);
    const secret = concatBytes([request.tokenId, request.tokenSecret]);
    const key = joinTokenKey(this.#authority.hashToken(secret));
    secret.fill(0);
    const { nodeId, row } = await this.#admit(key, request, caller);
    const { clusterId, caCertificateDer, members } = await this.#authority.cluster();
    const response = create(JoinResponseSchema, {
      nodeId: BigInt(nodeId),
      clusterId,
      certificate: this.#authority.signCertificate(nodeId, request.publicKey),
      caCertificate: caCertificateDer,
      members: members.map((member) => ({ ...member, nodeId: BigInt(member.nodeId) })),
      open: row.open,
    });
    return toBinary(JoinResponseSchema, response);
  }

  /** The id of the caller's node: the one it was given before, or a new one that it has been added under. */
  async #admit(
    key: Uint8Array,
    request: JoinRequest,
    { remoteAddress }: Pick<Caller, "remoteAddress">,
  ): Promise<{ readonly nodeId: number; readonly row: JoinTokenRow }> {
    for (let tries = 1; ; tries++) {
      const found = await this.#authority.readTokenRow(key);
      if (found === undefined || found.row.expiresAtMs <= this.#authority.logTimeMs()) throw refused(UNKNOWN_TOKEN);
      const { row, revision } = found;
      if (row.used !== undefined) {
        if (!equalBytes(row.used.publicKeySpki, request.publicKey)) throw refused(UNKNOWN_TOKEN);
        return { nodeId: row.used.nodeId, row };
      }
      await this.#checkTerms(row, request, remoteAddress);
      const nodeId = drawNodeId(this.#entropy);
      const used = { ...row, used: { nodeId, publicKeySpki: request.publicKey } };
      try {
        await this.#authority.addLearner(nodeId, recordOf(request), {
          guards: [{ kind: "point", key, revision }],
          mutations: [{ kind: "put", key, term: 0, value: encodeJoinTokenRow(used) }],
        });
      } catch (error) {
        // Somebody was faster, perhaps this very caller by another way: the row says what became of it.
        if (tries < MAX_TRIES && error instanceof StrongroomError && error.code === "membership_conflict") continue;
        throw error;
      }
      this.#logger.info("a node joined the cluster", {
        node: nodeId,
        name: request.name,
        address: request.clusterAddress,
        token: toHex(request.tokenId),
      });
      return { nodeId, row: used };
    }
  }

  async #checkTerms(row: JoinTokenRow, request: JoinRequest, remoteAddress: string): Promise<void> {
    if (row.name !== undefined && row.name !== request.name)
      throw refused(`the join token is for a node named "${row.name}"; start the server with that name`);
    if (row.cidr !== undefined && !isInNetwork(remoteAddress, row.cidr))
      throw refused(`the join token is for the network ${row.cidr}, and this call came from elsewhere`);
    const { members } = await this.#authority.cluster();
    if (members.some((member) => member.name === request.name))
      throw refused(`a node named "${request.name}" is in the cluster already; give this one another name`);
  }
}

function recordOf(request: JoinRequest): NodeRecord {
  const { name, clusterAddress, apiAddress, grpcAddress, publicKey } = request;
  return { name, clusterAddress, apiAddress, grpcAddress, identityPublicKey: publicKey };
}

/** Throws `JoinRefusedError` for anything that is not a complete, signed request. */
function parseRequest(payload: Uint8Array): JoinRequest {
  let request: JoinRequest;
  try {
    request = fromBinary(JoinRequestSchema, payload);
  } catch {
    throw refused("the request to join cannot be read");
  }
  const { tokenId, tokenSecret, publicKey, proof, name, clusterAddress, apiAddress, grpcAddress } = request;
  if (tokenId.length !== 16 || tokenSecret.length !== 32) throw refused(UNKNOWN_TOKEN);
  if (publicKey.length > 256 || !verifyIdentitySignature(publicKey, joinProofMessage(tokenId, publicKey), proof))
    throw refused("the request to join is not signed by the key that it asks to certify");
  if (!isNodeName(name)) throw refused(NODE_NAME_RULE);
  if (apiAddress.length > 512 || grpcAddress.length > 512) throw refused("an address is too long");
  try {
    parseHostPort(clusterAddress);
  } catch (error) {
    if (error instanceof AddressError) throw refused(`the node's cluster_addr cannot be used: ${error.message}`);
    throw error;
  }
  return request;
}

function refused(message: string): JoinRefusedError {
  return new JoinRefusedError("join_refused", message);
}
