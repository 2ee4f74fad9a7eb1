/**
 * Vault's envelope around an answer, in its order of keys: what the HTTP door sends and what lies in a wrapped answer. Made of
 * strings around the data, which is encoded once and spliced in; stored JSON in it passes through as the bytes that it is.
 */
import { encodeJson, formatTimestamp } from "@strongroom/logical";
import { fromUtf8 } from "@strongroom/runtime";
import type { AuthInfo, CoreResult, WrapInfo } from "./request.ts";

type DataResult = Extract<CoreResult, { readonly kind: "data" }>;

/** Ends in a line feed. */
export function envelopeJson(result: DataResult, requestId: string): Uint8Array {
  const { data, warnings, lease, auth, wrap, mountType } = result;
  const { leaseId = "", renewable = false, ttlSeconds = 0 } = lease ?? {};
  const warned = warnings === undefined || warnings.length === 0 ? "null" : JSON.stringify(warnings);
  const id = wrap === undefined ? requestId : "";
  const head =
    `"request_id":"${id}","lease_id":${leaseId === "" ? '""' : JSON.stringify(leaseId)},` +
    `"renewable":${renewable},"lease_duration":${ttlSeconds},"data":`;
  const tail =
    `,"wrap_info":${wrap === undefined ? "null" : wrapJson(wrap)},"warnings":${warned},` +
    `"auth":${auth === undefined ? "null" : authJson(auth)},"mount_type":${JSON.stringify(mountType)}}\n`;
  if (data === null || result.topLevel !== true) return encodeJson(data, { head: `{${head}`, tail });
  const members = encodeJson(data);
  if (members.length <= 2) return encodeJson(data, { head: `{${head}`, tail });
  // `{members}` becomes `{members,envelope}`.
  return Buffer.concat([members.subarray(0, -1), encodeJson(data, { head: `,${head}`, tail })]);
}

/** Lists that are empty are left out, as Vault leaves them out. */
function authJson(auth: AuthInfo): string {
  return JSON.stringify({
    client_token: fromUtf8(auth.clientToken),
    accessor: auth.accessor,
    policies: auth.policies,
    ...(auth.tokenPolicies.length === 0 ? undefined : { token_policies: auth.tokenPolicies }),
    ...(auth.identityPolicies.length === 0 ? undefined : { identity_policies: auth.identityPolicies }),
    metadata: auth.metadata,
    lease_duration: auth.leaseDurationSeconds,
    renewable: auth.renewable,
    entity_id: auth.entityId,
    token_type: auth.tokenType,
    orphan: auth.orphan,
    mfa_requirement: null,
    num_uses: auth.numUses,
  });
}

function wrapJson(wrap: WrapInfo): string {
  return JSON.stringify({
    token: fromUtf8(wrap.token),
    accessor: wrap.accessor,
    ttl: wrap.ttlSeconds,
    creation_time: formatTimestamp(wrap.creationTimeMs),
    creation_path: wrap.creationPath,
    ...(wrap.wrappedAccessor === undefined ? undefined : { wrapped_accessor: wrap.wrappedAccessor }),
  });
}
