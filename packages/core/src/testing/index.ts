/** A core in memory, for tests of the request path and of the front doors. */
export { SingleNodeGate } from "./single-node-gate.ts";
export { bodyOf, TestClusterView, TestNode } from "./test-node.ts";
