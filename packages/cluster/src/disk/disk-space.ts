/**
 * The room on the file system of a data directory, and a reserve in it: a file of allocated bytes that holds nothing. While
 * there is room the reserve keeps others from taking the last of it; when there is not, it is given up, so that the log can go
 * on with what frees room.
 */
export interface DiskRoom {
  /** What may still be written, the reserve not counted. */
  readonly freeBytes: number;
  /** Of the file system. */
  readonly totalBytes: number;
  /** Of the reserve, as far as it is allocated. */
  readonly reservedBytes: number;
}

export interface DiskSpace {
  look(): Promise<DiskRoom>;
  /** Lets the reserve grow towards so many bytes, by one step that a disk in use does not feel; or throws, and leaves none. */
  reserve(bytes: number): Promise<void>;
  /** Gives the reserve up. Harmless if there is none. */
  release(): Promise<void>;
}

/** For tests and whoever has no directory: there is always room. */
export const endlessSpace: DiskSpace = {
  look: async () => ({ freeBytes: 2 ** 50, totalBytes: 2 ** 51, reservedBytes: 2 ** 50 }),
  reserve: async () => {},
  release: async () => {},
};
