/**
 * Who may open the barrier: shares of an unseal key in the hands of custodians, and the ceremony in which enough of them
 * open the whole cluster at once.
 */
export type { CeremonyCounts, RekeyOutcome, RekeyPhase, RekeyStatus } from "./ceremony-messages.ts";
export { readRekeyStatus, writeRekeyStatus } from "./ceremony-messages.ts";
export type { CeremonyParts, CeremonyPeers, RekeyChange } from "./ceremony-parts.ts";
export { CEREMONY_METHOD } from "./ceremony-parts.ts";
export type { CancelApproval, CeremonyStatus, RekeyProgress, ShareOutcome } from "./ceremony-service.ts";
export { CeremonyService } from "./ceremony-service.ts";
export {
  CeremonyRefusedError,
  CeremonyUnavailableError,
  InvalidShareError,
  NotInitializedError,
  SealConfigError,
  SealedMessageError,
  SealRecordError,
  SecondHolderError,
  StateUnprovenError,
  UnsealFailedError,
  WrongShareError,
} from "./errors.ts";
export type { CeremonyMember, MemberProof } from "./member-proof.ts";
export type { KeyWrap, SealRecord, SealType, WrappedKey } from "./seal-record.ts";
export { decodeSealRecord, encodeSealRecord } from "./seal-record.ts";
export type { EphemeralKey } from "./sealed-message.ts";
export { createEphemeralKey, openSealed, sealTo } from "./sealed-message.ts";
export type { SealConfig } from "./shamir.ts";
export { checkSealConfig, combineShares, splitKey } from "./shamir.ts";
export type { NewSeal } from "./shamir-seal.ts";
export { createShamirSeal } from "./shamir-seal.ts";
export type { CeremonyAction, ShareScope } from "./share-commitment.ts";
export { findCommitment, shareCommitment, signAction } from "./share-commitment.ts";
export { formatShare, parseShare } from "./share-text.ts";
export type { AddShareResult } from "./unseal-ceremony.ts";
export { CEREMONY_TTL_MS, UnsealCeremony } from "./unseal-ceremony.ts";
