/** What takes records somewhere else. It may fail, hang and come back as it likes: its consumer is the only one that waits. */

export interface AuditDevice {
  /** Longer lines are shortened before they come here. */
  readonly maxLineBytes: number;
  /**
   * How long what was taken may still be lost on the way, in milliseconds; after a failure all of that comes again. 0 where
   * taken means kept.
   */
  readonly settleMs: number;
  /** Takes whole lines, in order. Rejects with an error that may be shown to operators; how much was taken is unknown then. */
  write(lines: readonly Uint8Array[], signal: AbortSignal): Promise<void>;
  /** Begins with a new file handle or connection at the next write. */
  reopen(): void;
  close(): Promise<void>;
}

/** A device as it is kept in the cluster's table. */
export interface DeviceConfig {
  /** With the slash at its end. */
  readonly path: string;
  readonly type: string;
  readonly description: string;
  readonly options: Readonly<Record<string, string>>;
  readonly local: boolean;
  /** Tells a device from one that stood at the same path before. */
  readonly uuid: string;
  /** It gets what was recorded from then on. */
  readonly enabledMs: number;
}
