/** Commands that a request runs besides its own transaction, until its deadline. */
import { type ReplicatedStore, runTransaction, type WaitOptions } from "@strongroom/storage";
import type { Commands } from "../token/token-revoker.ts";

export function requestCommands(store: ReplicatedStore, wait: WaitOptions): Commands {
  return {
    write: async (body) => (await runTransaction(store, body, { mode: "write", ...wait })).result,
    rows: async (range, count) => {
      const snapshot = await store.linearizableSnapshot(wait);
      try {
        const iterator = snapshot.iterate(range);
        try {
          return await iterator.next(count);
        } finally {
          await iterator.close();
        }
      } finally {
        snapshot.release();
      }
    },
  };
}
