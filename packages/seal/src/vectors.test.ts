/** The vectors in testdata/: by this package, and from docs/formats/barrier.md with Node's primitives alone. */
import { createCipheriv, createHmac, diffieHellman, hkdfSync, verify } from "node:crypto";
import { readFileSync } from "node:fs";
import { concatBytes, equalBytes, fromHex, toHex, utf8 } from "@strongroom/runtime";
import { describe, expect, it } from "vitest";
import {
  type CeremonyReply,
  type CeremonyRequest,
  decodeReply,
  decodeRequest,
  encodeReply,
  encodeRequest,
} from "./ceremony-messages.ts";
import { deliveryContext, proofMessage, shareContext } from "./member-proof.ts";
import { privateKeyFromRaw, publicKeyFromRaw, rawPublicKey } from "./raw-keys.ts";
import { decodeSealRecord, encodeSealHeader, encodeSealRecord } from "./seal-record.ts";
import { openSealed, sealTo } from "./sealed-message.ts";
import { combineShares } from "./shamir.ts";
import { findSigner, shareCommitment, signAction } from "./share-commitment.ts";
import { formatShare, parseShare } from "./share-text.ts";

interface Vectors {
  readonly barrierId: string;
  readonly generation: number;
  readonly threshold: number;
  readonly unsealKey: string;
  readonly shares: readonly { share: string; base64: string; commitment: string }[];
  readonly record: { header: string; check: string; wrappedRootKey: string; encoded: string };
  readonly cancel: { nonce: string; share: number; signature: string };
  readonly contexts: {
    nonce: string;
    nodeId: number;
    bootCounter: number;
    publicKey: string;
    share: string;
    delivery: string;
    proof: string;
  };
  readonly sealedMessage: {
    recipientPrivateKey: string;
    recipientPublicKey: string;
    ephemeralPrivateKey: string;
    context: string;
    plaintext: string;
    sealed: string;
  };
  readonly requests: readonly { message: unknown; encoded: string }[];
  readonly replies: readonly { message: unknown; encoded: string }[];
}

const vectors: Vectors = JSON.parse(readFileSync(new URL("../testdata/vectors.json", import.meta.url), "utf8"));
const barrierId = fromHex(vectors.barrierId);
const scope = { barrierId, generation: vectors.generation };
const config = { shares: vectors.shares.length, threshold: vectors.threshold };

const u32 = (value: number): Uint8Array => Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value);
const u64 = (value: number): Uint8Array => concatBytes([u32(0), u32(value)]);
const fields = (...parts: readonly (Uint8Array | string)[]): Uint8Array =>
  concatBytes(
    parts.map((part) => (typeof part === "string" ? utf8(part) : part)).flatMap((part) => [u32(part.length), part]),
  );

/** `{"hex": …}` stands for bytes in the file; a cancel without signatures has none there. */
function withBytes(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withBytes);
  if (typeof value !== "object" || value === null) return value;
  if ("hex" in value && typeof value.hex === "string") return fromHex(value.hex);
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, withBytes(each)]));
}

describe("the seal's vectors", () => {
  it("of shares: any two of them give the key, in Vault's format", async () => {
    const shares = vectors.shares.map(({ share }) => fromHex(share));
    for (const [a, b] of [
      [0, 1],
      [1, 2],
      [2, 0],
    ] as const) {
      const pair = [shares[a], shares[b]] as Uint8Array[];
      expect(toHex(await combineShares(pair, config))).toBe(vectors.unsealKey);
    }
    for (const { share, base64 } of vectors.shares) {
      expect(toHex(parseShare(utf8(base64)))).toBe(share);
      expect(Buffer.from(formatShare(fromHex(share))).toString()).toBe(base64);
    }
  });

  it("of commitments", () => {
    for (const { share, commitment } of vectors.shares) {
      expect(toHex(shareCommitment(fromHex(share), scope))).toBe(commitment);
      const info = concatBytes([utf8("strongroom share commitment v1"), u32(vectors.generation)]);
      const seed = new Uint8Array(hkdfSync("sha256", fromHex(share), barrierId, info, 32));
      expect(toHex(rawPublicKey(privateKeyFromRaw("ed25519", seed)))).toBe(commitment);
    }
  });

  it("of the seal record", () => {
    const { header, check, wrappedRootKey, encoded } = vectors.record;
    const record = decodeSealRecord(fromHex(encoded));
    expect(toHex(encodeSealHeader(record))).toBe(header);
    expect(toHex(encodeSealRecord(record))).toBe(encoded);
    expect(record).toEqual({
      type: "shamir",
      ...config,
      ...scope,
      commitments: vectors.shares.map(({ commitment }) => fromHex(commitment)),
      sealedUnsealKey: new Uint8Array(0),
      wrappedRootKey: { check: fromHex(check), sealed: fromHex(wrappedRootKey) },
    });
    expect(header).toBe(
      `0101${"0302"}00000001${vectors.barrierId}03${vectors.shares.map((share) => share.commitment).join("")}00000000`,
    );
    expect(encoded).toBe(`${header}${check}${toHex(u32(wrappedRootKey.length / 2))}${wrappedRootKey}`);
    const checkKey = new Uint8Array(
      hkdfSync("sha256", fromHex(vectors.unsealKey), new Uint8Array(0), utf8("strongroom key wrap v1 check"), 32),
    );
    expect(createHmac("sha256", checkKey).update(fromHex(header)).digest("hex")).toBe(check);
  });

  it("of the signature that cancels", () => {
    const { nonce, share, signature } = vectors.cancel;
    const action = { action: "cancel", kind: "unseal", ...scope, nonce: fromHex(nonce) } as const;
    const commitments = vectors.shares.map(({ commitment }) => fromHex(commitment));
    expect(toHex(signAction(fromHex(vectors.shares[share]?.share ?? ""), action))).toBe(signature);
    expect(findSigner(fromHex(signature), action, commitments)).toBe(share);
    const message = fields(
      "strongroom ceremony v1",
      "cancel",
      "unseal",
      barrierId,
      u32(vectors.generation),
      fromHex(nonce),
    );
    expect(
      verify(null, message, publicKeyFromRaw("ed25519", commitments[share] as Uint8Array), fromHex(signature)),
    ).toBe(true);
  });

  it("of what members sign and bind messages to", () => {
    const { nodeId, bootCounter, ...hex } = vectors.contexts;
    const [nonce, publicKey] = [fromHex(hex.nonce), fromHex(hex.publicKey)];
    const parts = { barrierId, nonce, nodeId, bootCounter };
    expect(toHex(shareContext(parts))).toBe(hex.share);
    expect(toHex(deliveryContext(parts, "deliver"))).toBe(hex.delivery);
    expect(toHex(proofMessage({ ...parts, publicKey }))).toBe(hex.proof);
    expect(toHex(fields("strongroom share v1", barrierId, nonce, u64(nodeId)))).toBe(hex.share);
    expect(toHex(fields("strongroom root key v1", barrierId, nonce, u64(nodeId), u64(bootCounter)))).toBe(hex.delivery);
    expect(
      toHex(fields("strongroom member proof v1", barrierId, nonce, u64(nodeId), u64(bootCounter), publicKey)),
    ).toBe(hex.proof);
  });

  it("of a sealed message", () => {
    const { recipientPrivateKey, recipientPublicKey, ephemeralPrivateKey, context, plaintext, sealed } =
      vectors.sealedMessage;
    const privateKey = privateKeyFromRaw("x25519", fromHex(recipientPrivateKey));
    const recipient = { publicKey: rawPublicKey(privateKey), privateKey };
    expect(toHex(recipient.publicKey)).toBe(recipientPublicKey);
    const entropy = { bytes: () => fromHex(ephemeralPrivateKey) };
    const message = {
      recipientPublicKey: recipient.publicKey,
      context: fromHex(context),
      plaintext: fromHex(plaintext),
    };
    expect(toHex(sealTo(message, entropy))).toBe(sealed);
    expect(toHex(openSealed({ recipient, context: fromHex(context), sealed: fromHex(sealed) }))).toBe(plaintext);

    const ephemeral = privateKeyFromRaw("x25519", fromHex(ephemeralPrivateKey));
    const secret = diffieHellman({ privateKey: ephemeral, publicKey: publicKeyFromRaw("x25519", recipient.publicKey) });
    const info = fields("strongroom sealed message v1", rawPublicKey(ephemeral), recipient.publicKey, fromHex(context));
    const output = new Uint8Array(hkdfSync("sha256", secret, new Uint8Array(0), info, 44));
    const cipher = createCipheriv("chacha20-poly1305", output.subarray(0, 32), output.subarray(32), {
      authTagLength: 16,
    });
    cipher.setAAD(fromHex(context), { plaintextLength: plaintext.length / 2 });
    const ciphertext = concatBytes([cipher.update(fromHex(plaintext)), cipher.final(), cipher.getAuthTag()]);
    expect(equalBytes(concatBytes([Uint8Array.of(1), rawPublicKey(ephemeral), ciphertext]), fromHex(sealed))).toBe(
      true,
    );
  });

  it.each(vectors.requests)("of the request $encoded", ({ message, encoded }) => {
    const request = withBytes(message) as CeremonyRequest;
    expect(toHex(encodeRequest(request))).toBe(encoded);
    expect(decodeRequest(fromHex(encoded))).toEqual(request);
  });

  it.each(vectors.replies)("of the reply $encoded", ({ message, encoded }) => {
    const reply = withBytes(message) as CeremonyReply;
    expect(toHex(encodeReply(reply))).toBe(encoded);
    expect(decodeReply(fromHex(encoded))).toEqual(reply);
  });
});
