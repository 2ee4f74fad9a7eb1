/** A core in memory, for tests of the request path and of the front doors. */
export { echoEngine } from "./echo-engine.ts";
export type { FillOptions } from "./fill-leases.ts";
export { fillLeases, fillLog } from "./fill-leases.ts";
export { SingleNodeGate } from "./single-node-gate.ts";
export { bodyOf, TestClusterView, TestNode } from "./test-node.ts";
