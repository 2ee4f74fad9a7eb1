/** How a rekey looks in answers, and how its requests are read; in Vault's names. */
import { type JsonNode, type JsonValue, LogicalError } from "@strongroom/logical";
import { fromHex, toHex } from "@strongroom/runtime";
import type { RekeyPhase, RekeyProgress, RekeyStatus } from "@strongroom/seal";
import type { JsonMembers } from "../request.ts";
import type { SealGate } from "../seal-gate.ts";
import { base64Json, hexJson } from "../secret-json.ts";
import { shareOf } from "./share-field.ts";

const NONCE = /^[0-9a-f]{32}$/;

export function rekeyStatusBody(status: RekeyStatus): JsonMembers {
  const { nonce, shares, threshold, progress, required, verify, verificationNonce } = status;
  return {
    backup: false,
    n: shares,
    nonce: toHex(nonce),
    pgp_fingerprints: null,
    progress,
    required,
    started: nonce.length > 0,
    t: threshold,
    verification_required: verify,
    ...(verificationNonce.length === 0 ? {} : { verification_nonce: toHex(verificationNonce) }),
  };
}

/** Of the giving back of new shares. */
export function verificationBody({
  verificationNonce,
  shares,
  threshold,
  verificationProgress,
}: RekeyStatus): JsonMembers {
  return {
    n: shares,
    nonce: toHex(verificationNonce),
    progress: verificationProgress,
    started: verificationNonce.length > 0,
    t: threshold,
  };
}

/** Gives the request's share to the rekey that its nonce names. */
export async function giveRekeyShare(
  gate: SealGate,
  phase: RekeyPhase,
  { key, nonce }: { readonly key: JsonNode | undefined; readonly nonce: string | undefined },
): Promise<RekeyProgress> {
  const share = shareOf(key);
  if (!NONCE.test(nonce ?? "")) {
    share.fill(0);
    throw new LogicalError(
      "invalid_request",
      "'nonce' must be the nonce of the rekey under way, as its start and its status show it",
    );
  }
  return gate.submitRekeyShare(phase, fromHex(nonce ?? ""), share);
}

/** The new shares as `keys` and `keys_base64`; wipes them. */
export function newKeys({ shares }: RekeyProgress): { readonly [key: string]: JsonValue } {
  const keys = shares.map((share) => hexJson(share.expose()));
  const base64 = shares.map((share) => base64Json(share.expose()));
  for (const share of shares) share.wipe();
  return { keys, keys_base64: base64 };
}
