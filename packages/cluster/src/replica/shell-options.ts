/** What the replica in the real world is made of. */
import type { Clock, Logger, Metrics, Random, Timers } from "@strongroom/runtime";
import type { CommandAuthenticator } from "../authenticator.ts";
import type { DiskKeeperOptions } from "../disk/disk-keeper.ts";
import type { DiskSpace } from "../disk/disk-space.ts";
import type { ScrubberOptions } from "../scrub/scrubber.ts";
import type { SnapshotSigner } from "../snapshot/types.ts";
import type { GenerationStore } from "../state/generation-store.ts";
import type { PeerTransport } from "../transport/transport.ts";
import type { WalContents, WalEvents, WalHandle } from "../wal/types.ts";
import type { IncarnationSource } from "./incarnations.ts";
import type { ReplicaOptions } from "./options.ts";

export interface ReplicaShellOptions extends ReplicaOptions {
  readonly tickMs: number;
  /** As of `StateMachineOptions`. */
  readonly milestoneEvery?: number;
  readonly scrub: ScrubberOptions;
  readonly disk: DiskKeeperOptions;
}

export interface ReplicaShellParts {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly wal: WalContents;
  readonly openWal: (wal: WalContents, events: WalEvents) => WalHandle;
  readonly generations: GenerationStore;
  /** Not yet listening. */
  readonly transport: PeerTransport;
  readonly authenticator: CommandAuthenticator;
  /** Signs and verifies what snapshots' trailers say. Asked only while this node is open. */
  readonly snapshotSigner?: SnapshotSigner;
  readonly snapshotAuthenticator: CommandAuthenticator;
  readonly incarnations: IncarnationSource;
  /** Of the data directory. */
  readonly diskSpace: DiskSpace;
  /** The process is to end. Called once. */
  readonly onFatal: (error: Error) => void;
}
