import { SeededRandom } from "@strongroom/runtime/testing";
import { describe, expect, it } from "vitest";
import { type CeremonyAction, findCommitment, findSigner, shareCommitment, signAction } from "./share-commitment.ts";

const entropy = new SeededRandom(3);
const scope = { barrierId: entropy.bytes(16), generation: 1 };
const shares = [entropy.bytes(33), entropy.bytes(33), entropy.bytes(33)] as const;
const commitments = shares.map((share) => shareCommitment(share, scope));

describe("shareCommitment", () => {
  it("says which share it is", () => {
    expect(shares.map((share) => findCommitment(share, scope, commitments))).toEqual([0, 1, 2]);
  });

  it("knows no share that differs in a bit, the x coordinate included", () => {
    for (let i = 0; i < 33; i++) {
      const changed = shares[0].map((byte, at) => (at === i ? byte ^ 1 : byte));
      expect(findCommitment(changed, scope, commitments)).toBeUndefined();
    }
  });

  it("differs with the generation and the barrier", () => {
    expect(findCommitment(shares[0], { ...scope, generation: 2 }, commitments)).toBeUndefined();
    expect(findCommitment(shares[0], { ...scope, barrierId: new Uint8Array(16) }, commitments)).toBeUndefined();
  });
});

describe("signAction", () => {
  const action: CeremonyAction = { ...scope, action: "cancel", kind: "unseal", nonce: entropy.bytes(16) };

  it("proves a share without showing it", () => {
    const signature = signAction(shares[1], action);
    expect(signature).toHaveLength(64);
    expect(findSigner(signature, action, commitments)).toBe(1);
  });

  it("counts for one ceremony of one generation only", () => {
    const signature = signAction(shares[1], action);
    expect(findSigner(signature, { ...action, nonce: new Uint8Array(16) }, commitments)).toBeUndefined();
    expect(findSigner(signature, { ...action, generation: 2 }, commitments)).toBeUndefined();
    expect(findSigner(signAction(entropy.bytes(33), action), action, commitments)).toBeUndefined();
    expect(findSigner(signature.subarray(1), action, commitments)).toBeUndefined();
  });
});
