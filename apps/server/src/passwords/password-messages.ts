/** Between a request worker and its thread for passwords. A password lies in shared memory, so that both can wipe it. */
export interface PasswordJob {
  readonly id: number;
  readonly password: SharedArrayBuffer;
  /** To compare with; missing: a new hash is asked for. */
  readonly hash?: string;
}

export interface PasswordResult {
  readonly id: number;
  /** A new hash, or whether the password was the one. */
  readonly value: string | boolean;
}
