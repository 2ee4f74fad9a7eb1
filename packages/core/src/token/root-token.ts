/** The first token of a cluster: it may do everything and does not end by itself. */
import type { Barrier } from "@strongroom/barrier";
import { type Entropy, SecretBytes } from "@strongroom/runtime";
import type { Transaction } from "@strongroom/storage";
import { ROOT_POLICY } from "../policy/index.ts";
import { PLAIN_TOKEN } from "./token-entry.ts";
import { randomAccessor, randomServiceId } from "./token-id.ts";
import { TokenStore } from "./token-store.ts";

/**
 * Puts the rows of a root token into `tx` and gives its id, which is stored nowhere: `given`, or else `hvs.` and 24 random
 * characters. `barrier` is open with the keys of the cluster, which may be those that `tx` itself makes.
 */
export function createRootToken(
  tx: Transaction,
  barrier: Barrier,
  {
    entropy,
    nowMs,
    given,
  }: { readonly entropy: Entropy; readonly nowMs: number; readonly given: Uint8Array | undefined },
): SecretBytes {
  const id = given?.slice() ?? randomServiceId(entropy);
  const tokens = new TokenStore(barrier);
  const creationTimeMs = Math.floor(nowMs);
  tokens.create(tx, tokens.hash(id), {
    ...PLAIN_TOKEN,
    accessor: randomAccessor(entropy),
    policies: [ROOT_POLICY],
    creationTimeMs,
    issueTimeMs: creationTimeMs,
    displayName: "root",
    path: "auth/token/root",
  });
  return new SecretBytes(id);
}
