/** Two nodes over one state, one that leads and one that does not: what writes has to do it asked of either. */
import type { BackendFactory } from "@strongroom/logical";
import { TestNode, type TestNodeOptions } from "./test-node.ts";

export const ROLES = ["leader", "follower"] as const;
export type Role = (typeof ROLES)[number];

export interface NodePair {
  /** In the role that was asked for. */
  readonly node: TestNode;
  readonly other: TestNode;
}

/** Open, and initialised by the leader, which alone works in the background. */
export async function openPair(
  role: Role,
  backends: readonly BackendFactory[],
  options: TestNodeOptions = {},
): Promise<NodePair> {
  const leader = new TestNode(backends, options);
  await leader.initialize();
  const follower = new TestNode(backends, { ...options, seed: 2, store: leader.store, background: false });
  follower.unsealKeys = leader.unsealKeys;
  follower.rootToken = leader.rootToken;
  await follower.unseal();
  return role === "leader" ? { node: leader, other: follower } : { node: follower, other: leader };
}
