/**
 * The files of a log, as synchronous calls: the log's thread makes them one after the other, and the simulator puts a disk
 * under them that forgets what was not synced. Every failure throws; the log treats it as fatal and never tries again.
 */
export interface WalDisk {
  /** Names of all files, in no order. */
  list(): readonly string[];
  read(name: string): Uint8Array;
  /** Makes the file if it is missing and grows it as needed; whole `bytes` or a throw. */
  write(name: string, offset: number, bytes: Uint8Array): void;
  /** All that was written to the file so far survives a loss of power, its length included. */
  sync(name: string): void;
  /** Replaces `to`; durable on return. */
  rename(from: string, to: string): void;
  /** Durable on return. */
  remove(name: string): void;
  /** Closes what is open. */
  close(): void;
}
