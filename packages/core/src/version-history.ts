/**
 * Which versions of the program have led the cluster, and since when: one sealed row of the system's own, as JSON with a
 * version. Init writes the first; after an upgrade the first open leader of the new version adds its own.
 */
import type { Barrier } from "@strongroom/barrier";
import { assert, fromUtf8, utf8 } from "@strongroom/runtime";
import type { Invalidation, Transaction } from "@strongroom/storage";
import type { BackgroundTask } from "./background/background-work.ts";
import type { LeaderStore } from "./background/leader-store.ts";
import { SYSTEM_SCOPE } from "./system-scope.ts";

export interface Program {
  readonly version: string;
  /** An ISO date. */
  readonly buildDate: string;
}

export interface InstalledVersion extends Program {
  /** By the log's time. */
  readonly installedMs: number;
}

const PATH = "core/version-history";
const VERSION = 1;

/** In the order in which they came. */
export function readVersionHistory(tx: Transaction, barrier: Barrier): readonly InstalledVersion[] {
  const bytes = barrier.view(tx, SYSTEM_SCOPE).get(PATH);
  if (bytes === undefined) return [];
  const stored = JSON.parse(fromUtf8(bytes)) as { readonly version: number; readonly installed: InstalledVersion[] };
  assert(
    stored.version === VERSION,
    `the version history has version ${stored.version}, this program knows ${VERSION}`,
  );
  return stored.installed;
}

/** Nothing where the version led before: one that comes back was installed when it first came. */
export function recordVersion(tx: Transaction, barrier: Barrier, { version, buildDate }: Program, nowMs: number): void {
  const before = readVersionHistory(tx, barrier);
  if (before.some((installed) => installed.version === version)) return;
  const installed = [...before, { version, buildDate, installedMs: Math.floor(nowMs) }];
  barrier.view(tx, SYSTEM_SCOPE).put(PATH, utf8(JSON.stringify({ version: VERSION, installed })));
}

export class VersionRecorder implements BackgroundTask {
  readonly name = "version-history";
  readonly everyMs = 1_000;
  readonly #barrier: Barrier;
  readonly #program: Program;
  /** Whether the state is known to name this version. */
  #recorded = false;

  constructor(parts: { readonly barrier: Barrier; readonly program: Program }) {
    this.#barrier = parts.barrier;
    this.#program = parts.program;
  }

  /** Another state may have come in the place of the one that was looked at. */
  wakesOn({ type }: Invalidation): boolean {
    if (type === "all") this.#recorded = false;
    return type === "all";
  }

  async run(store: LeaderStore): Promise<void> {
    if (this.#recorded) return;
    await store.write((tx) => recordVersion(tx, this.#barrier, this.#program, store.nowMs()));
    this.#recorded = true;
  }
}
