/** All that tokens are made, found and ended with; one of each a core. */
import type { Barrier } from "@strongroom/barrier";
import type { Entropy } from "@strongroom/runtime";
import type { LeaseStore } from "../lease/lease-store.ts";
import type { Mounts } from "../mounts.ts";
import { Authenticator } from "./authenticator.ts";
import { BatchTokens } from "./batch-tokens.ts";
import { TokenIssuer } from "./token-issuer.ts";
import { TokenRevoker } from "./token-revoker.ts";
import { TokenStore } from "./token-store.ts";

export interface TokenServices {
  readonly store: TokenStore;
  readonly batch: BatchTokens;
  readonly authenticator: Authenticator;
  readonly issuer: TokenIssuer;
  readonly revoker: TokenRevoker;
  readonly leases: LeaseStore;
}

export function tokenServices(parts: {
  readonly barrier: Barrier;
  readonly mounts: Mounts;
  readonly leases: LeaseStore;
  readonly entropy: Entropy;
}): TokenServices {
  const { barrier, mounts, leases, entropy } = parts;
  const store = new TokenStore(barrier);
  const batch = new BatchTokens(barrier);
  return {
    store,
    batch,
    authenticator: new Authenticator({ tokens: store, batch, mounts }),
    issuer: new TokenIssuer({ tokens: store, batch, leases, entropy }),
    revoker: new TokenRevoker(store),
    leases,
  };
}
