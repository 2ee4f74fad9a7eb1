/** The kinds of faults, as the command line names them. */
export const NEMESES = [
  "kill",
  "storm",
  "kill-all",
  "stop",
  "seal",
  "pause",
  "power",
  "power-all",
  "fsync",
  "full-disk",
  "bit-flip",
  "clock",
  "cut-one-way",
  "cut",
  "isolate",
  "slow",
  "transfer",
  "members",
] as const;

export type NemesisName = (typeof NEMESES)[number];

/** What needs the preloaded library, and so a compiler. */
export const NEEDS_FAULTY_DISK: readonly NemesisName[] = ["power", "power-all", "fsync", "clock"];
/** What needs a mount, and so root or a user namespace. */
export const NEEDS_MOUNT: readonly NemesisName[] = ["full-disk"];
