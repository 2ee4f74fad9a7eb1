/** Unpredictable bytes. The only production form is the operating system's generator. */
export interface Entropy {
  /** `length` fresh bytes in a buffer of their own, which the caller owns and may wipe. */
  bytes(length: number): Uint8Array;
}
