/** Makes leases by the thousand, many in a command, and logs of a given size: for benchmarks of what their number costs. */
import type { Barrier } from "@strongroom/barrier";
import { type Entropy, fromUtf8 } from "@strongroom/runtime";
import { KEY_KIND, makeKey, type ReplicatedStore, runTransaction } from "@strongroom/storage";
import { randomBase62 } from "../base62.ts";
import { LeaseRows } from "../lease/lease-rows.ts";

export interface FillOptions {
  readonly mountUuid: string;
  readonly count: number;
  /** Called with how many there are. */
  readonly onProgress: (made: number) => void;
}

const LEASES_PER_COMMAND = 400;
const COMMANDS_AT_A_TIME = 3;
const LEASES_PER_TOKEN = 50;
const DAY_MS = 86_400_000;
const COMMAND_DEADLINE_MS = 120_000;

/** Secrets' leases of many roles and tokens, which end in a month that begins tomorrow. */
export async function fillLeases(
  world: { readonly store: ReplicatedStore; readonly barrier: Barrier; readonly entropy: Entropy },
  { mountUuid, count, onProgress }: FillOptions,
): Promise<void> {
  const { store, barrier, entropy } = world;
  const rows = new LeaseRows(barrier);
  let begun = 0;
  let made = 0;
  const fill = async (): Promise<void> => {
    while (begun < count) {
      const first = begun;
      const size = Math.min(LEASES_PER_COMMAND, count - first);
      begun += size;
      const nowMs = Math.floor(store.logTimeMs());
      const names = Array.from({ length: size }, () => fromUtf8(randomBase62(entropy, 24)));
      const tokens = Array.from({ length: Math.ceil(size / LEASES_PER_TOKEN) }, () => entropy.bytes(32));
      await runTransaction(
        store,
        (tx) => {
          for (const [i, name] of names.entries()) {
            const expireTimeMs = nowMs + DAY_MS + Math.floor((30 * DAY_MS * (first + i)) / count);
            rows.add(
              tx,
              { mountUuid, path: `creds/role-${(first + i) % 100}/${name}` },
              {
                kind: "secret",
                tokenHash: tokens[Math.floor(i / LEASES_PER_TOKEN)],
                issueTimeMs: nowMs,
                expireTimeMs,
                lastRenewalMs: 0,
                renewable: true,
                ttlSeconds: 0,
                maxTtlSeconds: 0,
                internal: { username: `v-role-${name}`, revocation: "" },
                state: "live",
                dueMs: expireTimeMs,
                claimedUntilMs: 0,
                attempts: 0,
                error: "",
                force: false,
                madeAtIndex: 0,
              },
            );
          }
        },
        { mode: "write", deadlineMs: store.clock.monotonicMs() + COMMAND_DEADLINE_MS },
      );
      made += size;
      onProgress(made);
    }
  };
  await Promise.all(Array.from({ length: COMMANDS_AT_A_TIME }, fill));
}

const SCRATCH_ROWS = 16;
const SCRATCH_BYTES = 65_536;

/** Writes some rows over and over until the log has grown by `bytes`: a node's start reads the end of its log, whatever is in it. */
export async function fillLog(store: ReplicatedStore, bytes: number): Promise<void> {
  for (let written = 0, i = 0; written < bytes; written += SCRATCH_BYTES, i++) {
    const key = makeKey(KEY_KIND.index, Uint8Array.of(0xff, i % SCRATCH_ROWS));
    await runTransaction(store, (tx) => tx.put(key, 0, new Uint8Array(SCRATCH_BYTES).fill(i)), {
      mode: "write",
      deadlineMs: store.clock.monotonicMs() + COMMAND_DEADLINE_MS,
    });
  }
}
