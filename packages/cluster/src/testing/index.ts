/** For tests of other packages, and of what no package can test alone: whole nodes in memory, and one replica moved by hand. */
export { entryOf, ManualReplica, PEER, peerCommand, SELF } from "./manual-replica.ts";
export type { TestNodeOptions } from "./nodes.ts";
export { TestCluster, TestNode } from "./nodes.ts";
