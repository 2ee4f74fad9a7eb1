/** What all parts of one simulated cluster share. */
import type { Authenticity, CommandAuthenticator, CommandSigner } from "@strongroom/cluster";
import type { NodeId, SnapshotMetadata } from "@strongroom/raft";
import type { Choices } from "./choices.ts";
import type { History } from "./replica-history.ts";
import type { ReplicaNetwork } from "./replica-network.ts";
import type { SimulatedNode } from "./replica-node.ts";
import type { ReplicaOracle } from "./replica-oracle.ts";
import type { ReplicaSwarm } from "./replica-swarm.ts";
import type { Tally } from "./tally.ts";
import type { Transcript } from "./transcript.ts";
import type { VirtualTime } from "./virtual-time.ts";

export interface ReplicaWorld {
  readonly time: VirtualTime;
  readonly choices: Choices;
  readonly swarm: ReplicaSwarm;
  readonly network: ReplicaNetwork;
  readonly oracle: ReplicaOracle;
  readonly history: History;
  readonly tally: Tally;
  /** Undefined when nobody is going to read it. */
  readonly transcript: Transcript | undefined;
  readonly lyingDisks: boolean;
  /** All machines that there are, members or not. */
  readonly nodes: ReadonlyMap<NodeId, SimulatedNode>;
  /** The first state, alike on all voters: as if they had been restored from one snapshot. */
  readonly first: { readonly metadata: SnapshotMetadata; readonly rows: ReadonlyMap<string, Uint8Array> };
}

/** Signs with one key and knows all up to it. Cheap, and good enough to notice a command that was changed or mixed up. */
export class SimulatedKeys implements CommandSigner, CommandAuthenticator {
  #keyId = 1;

  learn(keyId: number): void {
    this.#keyId = Math.max(this.#keyId, keyId);
  }

  sign(message: Uint8Array): { readonly keyId: number; readonly mac: Uint8Array } {
    return { keyId: this.#keyId, mac: checksum(message) };
  }

  verify(keyId: number, message: Uint8Array, mac: Uint8Array): Authenticity {
    if (keyId > this.#keyId) return "unknown-key";
    return Buffer.compare(checksum(message), mac) === 0 ? "ok" : "bad";
  }
}

/** FNV-1a of every seventh byte and the last ones, spread over 32 bytes. */
function checksum(message: Uint8Array): Uint8Array {
  let hash = 0x811c9dc5 ^ message.length;
  for (let i = 0; i < message.length; i += 7) hash = Math.imul(hash ^ (message[i] as number), 0x01000193);
  for (let i = Math.max(0, message.length - 8); i < message.length; i++)
    hash = Math.imul(hash ^ (message[i] as number), 0x01000193);
  const mac = new Uint8Array(32);
  for (let i = 0; i < 32; i++) mac[i] = (hash >>> ((i % 4) * 8)) ^ i;
  return mac;
}
