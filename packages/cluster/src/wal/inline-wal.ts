/** The log on the caller's own thread: for tests, simulations and the development server. */
import { HostedWal, type WalHostOptions } from "./hosted-wal.ts";
import { executeOperations } from "./operations.ts";
import type { WalContents, WalEvents, WalHandle } from "./types.ts";
import type { WalDisk } from "./wal-disk.ts";

export function openInlineWal(
  contents: WalContents,
  options: WalHostOptions,
  components: { readonly disk: WalDisk; readonly events: WalEvents },
): WalHandle {
  const { disk, events } = components;
  return new HostedWal(contents, options, {
    events,
    startExecutor: (own) => ({
      execute(batch) {
        try {
          executeOperations(disk, batch.operations);
          executeOperations(disk, batch.afterwards);
        } catch (error) {
          own.onFailed(error);
          return;
        }
        own.onDone();
      },
      async close() {
        disk.close();
      },
    }),
  });
}
