/** What the log's logic asks of a disk: plain data, which crosses to the log's thread, and its execution there. */
import type { WalDisk } from "./wal-disk.ts";

export type WalOperation =
  | { readonly type: "write"; readonly name: string; readonly offset: number; readonly bytes: Uint8Array }
  /** Writes `bytes` zeros. */
  | { readonly type: "zero"; readonly name: string; readonly offset: number; readonly bytes: number }
  | { readonly type: "sync"; readonly name: string }
  | { readonly type: "rename"; readonly from: string; readonly to: string }
  | { readonly type: "remove"; readonly name: string };

const ZEROS: Uint8Array = new Uint8Array(256 * 1024);

/** In order; the first that fails throws and ends it. */
export function executeOperations(disk: WalDisk, operations: readonly WalOperation[]): void {
  for (const operation of operations) {
    switch (operation.type) {
      case "write":
        disk.write(operation.name, operation.offset, operation.bytes);
        break;
      case "zero":
        writeZeros(disk, operation.name, operation.offset, operation.bytes);
        break;
      case "sync":
        disk.sync(operation.name);
        break;
      case "rename":
        disk.rename(operation.from, operation.to);
        break;
      case "remove":
        disk.remove(operation.name);
        break;
    }
  }
}

function writeZeros(disk: WalDisk, name: string, offset: number, bytes: number): void {
  for (let done = 0; done < bytes; done += ZEROS.length) {
    disk.write(name, offset + done, ZEROS.subarray(0, Math.min(ZEROS.length, bytes - done)));
  }
}
