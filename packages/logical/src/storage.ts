/**
 * What an engine sees of storage: paths below its own mount, inside one transaction that may be run again. So a handler is a
 * pure function of (storage, request, time, entropy) and leaves nothing behind but its writes here.
 */
export interface LogicalStorage {
  /** The value under `path`, in bytes that the caller must not change; sees the transaction's own writes. */
  get(path: string): Uint8Array | undefined;
  /**
   * What `decode` makes of the value, for rows that many requests decide by: it is kept in memory until the row changes. So
   * not for secrets, nothing changes what it gives, and `decode` is the same for a path whoever asks.
   */
  decoded<T>(path: string, decode: (value: Uint8Array) => T): T | undefined;
  /** Copies or seals `value` before it returns. `isNew`: the caller knows that nothing is there, and nothing is looked for. */
  put(path: string, value: Uint8Array, options?: { readonly isNew?: boolean }): void;
  /** No error when there is nothing. */
  delete(path: string): void;
  /**
   * The children of `prefix` ("" or ending in "/") in ascending order; a directory ends in "/". `after` is exclusive. Fences
   * nothing: a transaction that writes must not act on what it lists.
   */
  list(prefix: string, options?: ListOptions): Promise<string[]>;
}

export interface ListOptions {
  readonly after?: string;
  readonly limit?: number;
}
