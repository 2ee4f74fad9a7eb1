/** What an operator has set for the tending of the membership: one sealed row of the system's own, as JSON with a version. */
import type { Barrier } from "@strongroom/barrier";
import { assert, fromUtf8, utf8 } from "@strongroom/runtime";
import { type ReplicatedStore, Transaction } from "@strongroom/storage";
import { SYSTEM_SCOPE } from "./system-scope.ts";

/** Times are milliseconds. */
export interface AutopilotSettings {
  readonly cleanupDeadServers: boolean;
  readonly lastContactMs: number;
  readonly deadServerMs: number;
  readonly maxTrailingLogs: number;
  readonly minQuorum: number;
  readonly stabilizationMs: number;
}

/** Vault's, but for the least number of voters, which Vault leaves at none, and for the learner's time of probation. */
const DEFAULT_AUTOPILOT_SETTINGS: AutopilotSettings = {
  cleanupDeadServers: false,
  lastContactMs: 10_000,
  deadServerMs: 24 * 3_600_000,
  maxTrailingLogs: 1_000,
  minQuorum: 3,
  stabilizationMs: 600,
};

const PATH = "core/autopilot";
const VERSION = 1;

export function readAutopilotSettings(tx: Transaction, barrier: Barrier): AutopilotSettings {
  const bytes = barrier.view(tx, SYSTEM_SCOPE).get(PATH);
  if (bytes === undefined) return DEFAULT_AUTOPILOT_SETTINGS;
  const { version, ...settings } = JSON.parse(fromUtf8(bytes)) as AutopilotSettings & { readonly version: number };
  assert(version === VERSION, `the autopilot's settings have version ${version}, this program knows ${VERSION}`);
  return settings;
}

export function writeAutopilotSettings(tx: Transaction, barrier: Barrier, settings: AutopilotSettings): void {
  barrier.view(tx, SYSTEM_SCOPE).put(PATH, utf8(JSON.stringify({ version: VERSION, ...settings })));
}

/** As this node's own state has them; the defaults while it is sealed. */
export function currentAutopilotSettings(store: ReplicatedStore, barrier: Barrier): AutopilotSettings {
  if (barrier.sealed) return DEFAULT_AUTOPILOT_SETTINGS;
  const snapshot = store.localSnapshot();
  try {
    return readAutopilotSettings(new Transaction(snapshot), barrier);
  } finally {
    snapshot.release();
  }
}
