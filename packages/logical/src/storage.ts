/**
 * What an engine sees of storage: paths below its own mount, inside one transaction that may be run again. So a handler is a
 * pure function of (storage, request, time, entropy) and leaves nothing behind but its writes here.
 */
export interface LogicalStorage {
  /** The value under `path`, in bytes that the caller must not change; sees the transaction's own writes. */
  get(path: string): Uint8Array | undefined;
  /** Copies or seals `value` before it returns. */
  put(path: string, value: Uint8Array): void;
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
