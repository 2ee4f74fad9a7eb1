/** What all parts of one bare group share. */
import type { NodeId } from "@strongroom/raft";
import type { Choices } from "./choices.ts";
import type { RaftClients } from "./raft-clients.ts";
import type { RaftMember } from "./raft-member.ts";
import type { RaftNetwork } from "./raft-network.ts";
import type { RaftOracle } from "./raft-oracle.ts";
import type { RaftSwarm } from "./raft-swarm.ts";
import type { Tally } from "./tally.ts";
import type { Transcript } from "./transcript.ts";
import type { VirtualTime } from "./virtual-time.ts";

export interface RaftGroup {
  readonly time: VirtualTime;
  readonly choices: Choices;
  readonly swarm: RaftSwarm;
  readonly tally: Tally;
  /** Undefined when nobody is going to read it. */
  readonly transcript: Transcript | undefined;
  readonly members: ReadonlyMap<NodeId, RaftMember>;
  readonly oracle: RaftOracle;
  readonly network: RaftNetwork;
  readonly clients: RaftClients;
  /** Faults rage. */
  readonly isFaulty: boolean;
  /** Who leads the newest term in which somebody does. */
  readonly leader: RaftMember | undefined;
  /** Up to `max` while there are faults, little afterwards. */
  delay(max: number): number;
}
