/**
 * What a node's workers and the one that handles its seal tell each other of a rekey. Shares cross sealed, both ways: a
 * message between threads is memory that nobody can wipe.
 */
import { ByteReader, ByteWriter, concatBytes, type Entropy, SecretBytes, utf8 } from "@strongroom/runtime";
import {
  type EphemeralKey,
  openSealed,
  type RekeyOutcome,
  type RekeyPhase,
  type RekeyProgress,
  type RekeyStatus,
  readRekeyStatus,
  type SealConfig,
  sealTo,
  writeRekeyStatus,
} from "@strongroom/seal";

const GIVEN_CONTEXT = utf8("strongroom rekey share within its node v1");
const MADE_CONTEXT = utf8("strongroom new shares within their node v1");
const PHASES: readonly RekeyPhase[] = ["approve", "verify"];
const OUTCOMES: readonly RekeyOutcome[] = ["collecting", "made", "committed", "unknown"];

export function encodeOwnRekeyBegin({ shares, threshold }: SealConfig, verify: boolean): Uint8Array {
  return Uint8Array.of(shares, threshold, verify ? 1 : 0);
}

export function decodeOwnRekeyBegin(bytes: Uint8Array): { readonly config: SealConfig; readonly verify: boolean } {
  const reader = new ByteReader(bytes);
  return { config: { shares: reader.u8(), threshold: reader.u8() }, verify: reader.u8() === 1 };
}

export function encodeOwnRekeyStatus(status: RekeyStatus): Uint8Array {
  const writer = new ByteWriter();
  writeRekeyStatus(writer, status);
  return writer.finish();
}

export function decodeOwnRekeyStatus(bytes: Uint8Array): RekeyStatus {
  return readRekeyStatus(new ByteReader(bytes));
}

/** `replyKey`: what new shares are to be sealed to. */
export function encodeOwnRekeyShare(
  parts: {
    readonly phase: RekeyPhase;
    readonly nonce: Uint8Array;
    readonly share: Uint8Array;
    readonly hostKey: Uint8Array;
    readonly replyKey: Uint8Array;
  },
  entropy: Entropy,
): Uint8Array {
  const { phase, nonce, share, hostKey, replyKey } = parts;
  const head = new ByteWriter().u8(PHASES.indexOf(phase)).bytes(nonce).finish();
  const plaintext = concatBytes([head, share]);
  const sealed = sealTo({ recipientPublicKey: hostKey, context: GIVEN_CONTEXT, plaintext }, entropy);
  plaintext.fill(0);
  return new ByteWriter().bytes(replyKey).bytes(sealed).finish();
}

export function decodeOwnRekeyShare(bytes: Uint8Array): { readonly replyKey: Uint8Array; readonly sealed: Uint8Array } {
  const reader = new ByteReader(bytes);
  return { replyKey: reader.bytes(), sealed: reader.bytes() };
}

/** The share is the caller's to wipe. */
export function openOwnRekeyShare(
  recipient: EphemeralKey,
  sealed: Uint8Array,
): { readonly phase: RekeyPhase; readonly nonce: Uint8Array; readonly share: Uint8Array } {
  const plaintext = openSealed({ recipient, context: GIVEN_CONTEXT, sealed });
  const reader = new ByteReader(plaintext);
  const phase = PHASES[reader.u8()] ?? "approve";
  const nonce = reader.bytes().slice();
  const share = reader.raw(reader.remaining).slice();
  plaintext.fill(0);
  return { phase, nonce, share };
}

/** Wipes the new shares that `progress` holds. */
export function encodeOwnRekeyReply(progress: RekeyProgress, replyKey: Uint8Array, entropy: Entropy): Uint8Array {
  const { status, outcome, shares } = progress;
  const plaintext = concatBytes(shares.map((share) => share.expose()));
  for (const share of shares) share.wipe();
  const sealed =
    shares.length === 0
      ? new Uint8Array(0)
      : sealTo({ recipientPublicKey: replyKey, context: MADE_CONTEXT, plaintext }, entropy);
  plaintext.fill(0);
  const writer = new ByteWriter();
  writeRekeyStatus(writer, status);
  return writer.u8(OUTCOMES.indexOf(outcome)).bytes(sealed).finish();
}

export function openOwnRekeyReply(recipient: EphemeralKey, bytes: Uint8Array): RekeyProgress {
  const reader = new ByteReader(bytes);
  const status = readRekeyStatus(reader);
  const outcome = OUTCOMES[reader.u8()] ?? "unknown";
  const sealed = reader.bytes();
  if (sealed.length === 0) return { status, outcome, shares: [] };
  const plaintext = openSealed({ recipient, context: MADE_CONTEXT, sealed });
  const size = plaintext.length / status.shares;
  const shares = Array.from(
    { length: status.shares },
    (_, i) => new SecretBytes(plaintext.slice(i * size, (i + 1) * size)),
  );
  plaintext.fill(0);
  return { status, outcome, shares };
}
