/** The directory that streams lie in, as an interface: the real one, and one in memory that fails when told to. */

export interface AuditFile {
  /** All of `bytes` at the file's end, by one write. Throws when the disk took less; some may stand there then. */
  append(bytes: Uint8Array): void;
  /** Cuts the file to its first `bytes` bytes. */
  truncate(bytes: number): void;
  /** Resolves when all that was appended would survive a loss of power. */
  sync(): Promise<void>;
  close(): void;
}

export interface AuditDisk {
  /** Names of all files, in no order. */
  list(): readonly string[];
  /** The same beside the caller's thread: a directory in which files are being renamed may keep a reader waiting for long. */
  listAside(): Promise<readonly string[]>;
  /** A new file, for its owner alone. Throws with `code` `EEXIST` for a name that is taken. */
  create(name: string): AuditFile;
  /** An existing file, to append to. */
  open(name: string): AuditFile;
  /** Undefined when there is no such file. */
  stat(name: string): { readonly bytes: number; readonly changedMs: number } | undefined;
  /** At most `length` bytes from `position` on; fewer at the file's end. */
  read(name: string, position: number, length: number): Uint8Array;
  /** A file that is not there is no error. */
  remove(name: string): void;
  /**
   * Makes `name` hold exactly `bytes`, or leaves it as it was. Beside the caller's thread: a file system under load may take
   * a tenth of a second to rename. Not twice at once for one name.
   */
  replace(name: string, bytes: Uint8Array): Promise<void>;
}
