/** `SysService`: what anybody may ask of a node, sealed or not. */
import type { CoreResult } from "@strongroom/core";
import { LogicalError } from "@strongroom/logical";
import {
  create,
  type SealState,
  SealStateSchema,
  type SealStatusRequest,
  type SealStatusResponse,
  SealStatusResponseSchema,
  type StatusRequest,
  type StatusResponse,
  StatusResponseSchema,
  type UnsealRequest,
  type UnsealResponse,
  UnsealResponseSchema,
} from "@strongroom/proto";
import { assert, utf8 } from "@strongroom/runtime";
import type { Asker, Call } from "./asker.ts";
import { flagMember, type Members, numberMember, optionalText, textMember } from "./members.ts";

/** More than any share has; what is longer is not looked at. */
const SHARE_BYTES_MAX = 256;
const HEX_DIGITS = utf8("0123456789abcdef");

export class SysHandlers {
  readonly #asker: Asker;

  constructor(asker: Asker) {
    this.#asker = asker;
  }

  async status(_request: StatusRequest, call: Call): Promise<StatusResponse> {
    const [health, leader] = await Promise.all([this.#read(call, "sys/health"), this.#read(call, "sys/leader")]);
    return create(StatusResponseSchema, {
      initialized: flagMember(health, "initialized"),
      sealed: flagMember(health, "sealed"),
      leader: flagMember(leader, "is_self"),
      leaderApiAddress: textMember(leader, "leader_address"),
      leaderClusterAddress: textMember(leader, "leader_cluster_address"),
      raftCommittedIndex: BigInt(numberMember(leader, "raft_committed_index")),
      raftAppliedIndex: BigInt(numberMember(leader, "raft_applied_index")),
      version: textMember(health, "version"),
      clusterName: optionalText(health, "cluster_name"),
      clusterId: optionalText(health, "cluster_id"),
    });
  }

  async sealStatus(_request: SealStatusRequest, call: Call): Promise<SealStatusResponse> {
    return create(SealStatusResponseSchema, { state: sealState(await this.#read(call, "sys/seal-status")) });
  }

  async unseal(request: UnsealRequest, call: Call): Promise<UnsealResponse> {
    const { share, reset } = request;
    if (reset === share.length > 0) {
      throw new LogicalError("invalid_request", "give a share, or set reset: one of the two");
    }
    if (share.length > SHARE_BYTES_MAX) throw new LogicalError("invalid_request", "the share is too long");
    const body = reset ? utf8('{"reset":true}') : shareBody(share);
    share.fill(0);
    try {
      const result = await this.#asker.askOpenly(call, { operation: "update", path: "sys/unseal", body });
      return create(UnsealResponseSchema, { state: sealState(plainBody(result)) });
    } finally {
      body.fill(0);
    }
  }

  async #read(call: Call, path: string): Promise<Members> {
    return plainBody(await this.#asker.askOpenly(call, { operation: "read", path }));
  }
}

/** `{"key":"<hexadecimal>"}`, made of bytes: a share never becomes a string, which nobody could wipe. */
function shareBody(share: Uint8Array): Uint8Array {
  const head = utf8('{"key":"');
  const tail = utf8('"}');
  const body = new Uint8Array(head.length + 2 * share.length + tail.length);
  body.set(head, 0);
  share.forEach((byte, index) => {
    body[head.length + 2 * index] = HEX_DIGITS[byte >>> 4] as number;
    body[head.length + 2 * index + 1] = HEX_DIGITS[byte & 15] as number;
  });
  body.set(tail, body.length - tail.length);
  return body;
}

function plainBody(result: CoreResult): Members {
  assert(result.kind === "plain", "this path answers without an envelope");
  return result.body;
}

function sealState(body: Members): SealState {
  return create(SealStateSchema, {
    type: textMember(body, "type"),
    initialized: flagMember(body, "initialized"),
    sealed: flagMember(body, "sealed"),
    threshold: numberMember(body, "t"),
    shares: numberMember(body, "n"),
    progress: numberMember(body, "progress"),
    nonce: textMember(body, "nonce"),
    version: textMember(body, "version"),
    clusterName: optionalText(body, "cluster_name"),
    clusterId: optionalText(body, "cluster_id"),
  });
}
