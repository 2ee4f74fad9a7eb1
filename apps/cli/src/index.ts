/** What benchmarks and end-to-end tests use of the command-line tool: clusters of real processes on this machine. */
export type { LocalClusterOptions, LocalMember, LocalNode } from "./demo/local-cluster.ts";
export { LocalCluster } from "./demo/local-cluster.ts";
export type { ApiRequest, ApiResponse } from "./server-api.ts";
