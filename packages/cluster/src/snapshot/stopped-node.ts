/**
 * The whole state of a node that does not run, for the day on which too few nodes are left to ask. Its table is a prefix of what its log
 * holds, so the log's entries are applied to a copy; all of them, also those that the node does not know to be committed: what
 * was acknowledged is among them, and nobody is left who could commit anything else. The node's directory stays as it is, but
 * for what any start would do to the log.
 */
import { cpSync, existsSync, linkSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { basename, join } from "node:path";
import { MemoryLogStorage, type NodeId, RawNode } from "@strongroom/raft";
import { asError, fromHex, StrongroomError } from "@strongroom/runtime";
import { LevelTable, type Table, TableOpenError } from "@strongroom/storage";
import { sealedAuthenticator } from "../authenticator.ts";
import { KEY_FILE, NodeIdentity } from "../membership/identity.ts";
import { refuseQuarantined } from "../replica/quarantine.ts";
import { logStart } from "../replica/recovered.ts";
import { INITIAL_GENERATION } from "../state/generation-store.ts";
import { StateMachine } from "../state/state-machine.ts";
import { NodeWalDisk } from "../wal/node-wal-disk.ts";
import { recoverWal } from "../wal/recovery.ts";
import type { WalContents } from "../wal/types.ts";
import { refuseUnfinishedRestore } from "./restore-directory.ts";
import { SnapshotSource } from "./source.ts";

/** The directory's state cannot be had; the message says why. */
class StoppedNodeError extends StrongroomError {
  readonly code = "bad_data_directory";
}

const WAL = "wal";
const LOCK = "LOCK";
const GENERATION = /^state-\d+-\d+$/;
const ENTRIES_AT_ONCE = 256;
const TICKS = { electionTicks: 10, heartbeatTicks: 1, maxInflightMessages: 1 };

/**
 * Hands the snapshot, which bears no signature, to `consume`. `workDirectory` is made, filled with a copy of the state, and
 * removed. Throws `StoppedNodeError`, also when the node runs; what the node's own start would throw; and what the disk does.
 */
export async function readStoppedNode<T>(
  { directory, workDirectory }: { readonly directory: string; readonly workDirectory: string },
  consume: (stream: AsyncIterable<Uint8Array>) => Promise<T>,
): Promise<T> {
  if (!existsSync(join(directory, WAL))) throw new StoppedNodeError(`${directory} holds no node's data.`);
  refuseQuarantined(directory);
  refuseUnfinishedRestore(directory);
  const unlock = await lockNode(directory);
  try {
    const wal = readLog(directory);
    const generation = wal.installed?.generation ?? INITIAL_GENERATION;
    copyTable(join(directory, generation), workDirectory);
    const table = await LevelTable.open(workDirectory, { discardLog: true });
    try {
      await applyLog(table, wal);
      const source = { clusterId: clusterOf(directory), nodeId: wal.identity.nodeId };
      return await consume(new SnapshotSource(table.snapshot(), source).stream());
    } finally {
      await table.close();
    }
  } finally {
    rmSync(workDirectory, { recursive: true, force: true });
    await unlock();
  }
}

/**
 * A running server holds the lock of its table's directory, which is one of the file itself: so a second name of the file
 * tells of it, and holds it, without a table being opened. What it returns lets go again.
 */
async function lockNode(directory: string): Promise<() => Promise<void>> {
  const held: { readonly table: Table; readonly path: string }[] = [];
  const unlock = async (): Promise<void> => {
    for (const { table, path } of held.splice(0)) {
      await table.close();
      rmSync(path, { recursive: true, force: true });
    }
  };
  for (const name of readdirSync(directory).filter((entry) => GENERATION.test(entry))) {
    const lock = join(directory, name, LOCK);
    if (!existsSync(lock)) continue;
    const path = join(directory, `${name}.locked`);
    rmSync(path, { recursive: true, force: true });
    mkdirSync(path, { mode: 0o700 });
    linkSync(lock, join(path, LOCK));
    try {
      held.push({ table: await LevelTable.open(path), path });
    } catch (error) {
      rmSync(path, { recursive: true, force: true });
      await unlock();
      if (!(error instanceof TableOpenError)) throw error;
      throw new StoppedNodeError(
        `A server runs on ${directory}. Ask it (snapshot save without -data-dir), or stop it first: ${error.message}`,
        { cause: error },
      );
    }
  }
  return unlock;
}

/** Its 16 bytes; empty for a node that no cluster has certified. */
function clusterOf(directory: string): Uint8Array {
  // Opening an identity that is not there would make one.
  if (!existsSync(join(directory, KEY_FILE))) return new Uint8Array(0);
  return fromHex((NodeIdentity.open(directory).membership?.clusterId ?? "").replaceAll("-", ""));
}

function readLog(directory: string): WalContents {
  const recovered = recoverWal(new NodeWalDisk(join(directory, WAL)));
  switch (recovered.status) {
    case "ok":
      return recovered;
    case "empty":
      throw new StoppedNodeError(`${directory} holds no node's data: its log is empty.`);
    case "damaged":
      throw new StoppedNodeError(
        `The log in ${directory} is damaged: ${recovered.reason}. What it held cannot be told; use another node's directory, or a backup.`,
      );
  }
}

/** All but LevelDB's own log, of which nothing is believed, and its lock. */
function copyTable(source: string, target: string): void {
  try {
    cpSync(source, target, {
      recursive: true,
      errorOnExist: true,
      force: false,
      filter: (path) => path === source || (basename(path) !== LOCK && !path.endsWith(".log")),
    });
  } catch (cause) {
    const { message } = asError(cause);
    throw new StoppedNodeError(`The state could not be copied from ${source} to ${target}: ${message}`, { cause });
  }
}

async function applyLog(table: Table, wal: WalContents): Promise<void> {
  const state = StateMachine.open(table, { authenticator: sealedAuthenticator });
  logStart(wal, state);
  const context = configurations(wal.identity.nodeId, state);
  for (let at = state.appliedIndex - wal.base.index; at < wal.entries.length; ) {
    const { consumed, writes } = state.apply(wal.entries.slice(at, at + ENTRIES_AT_ONCE), context);
    await table.write(writes);
    state.written();
    at += consumed;
  }
}

/** Follows the configuration, which decides whether a change of membership takes effect. */
function configurations(id: NodeId, state: StateMachine): Pick<RawNode, "applyConfChange"> {
  const storage = new MemoryLogStorage();
  const metadata = { index: state.appliedIndex, term: state.appliedTerm, confState: state.confState };
  storage.applySnapshot({ metadata, data: new Uint8Array(0) });
  return new RawNode({ id, storage, random: { below: () => 0 }, applied: state.appliedIndex, ...TICKS });
}
