/** An open barrier whose every byte follows from a seed, for the tests of all that stands on it. */
import { silentLogger } from "@strongroom/runtime";
import { SeededRandom, VirtualTime } from "@strongroom/runtime/testing";
import { Barrier, type BarrierOptions, type InitializedBarrier } from "../barrier.ts";
import type { Scope } from "../names.ts";
import { SharedKeys } from "../shared-keys.ts";

export const TEST_SCOPE: Scope = {
  namespaceId: Uint8Array.of(0, 0, 0, 1),
  mountId: Uint8Array.from({ length: 16 }, (_, i) => 0xa0 + i),
};

export interface TestBarrier {
  readonly barrier: Barrier;
  readonly keys: SharedKeys;
  readonly initialized: InitializedBarrier;
  /** Opens it again after a seal. */
  readonly reopen: () => void;
}

export function openTestBarrier(seed = 1, options: BarrierOptions = {}): TestBarrier {
  const entropy = new SeededRandom(seed);
  const initialized = Barrier.initialize({
    entropy,
    clock: new VirtualTime(),
    clusterCa: { privateKeyPkcs8: Uint8Array.of(1, 2, 3), certificateDer: Uint8Array.of(4, 5, 6, 7) },
    clusterId: entropy.bytes(16),
    clusterName: "test",
  });
  const keys = SharedKeys.create();
  const barrier = new Barrier(options, { keys, entropy, logger: silentLogger });
  const { rootKey, barrierId, clusterId, keyringRecord } = initialized;
  const reopen = (): void => barrier.open({ rootKey: rootKey.expose(), barrierId, clusterId, keyringRecord });
  reopen();
  return { barrier, keys, initialized, reopen };
}
