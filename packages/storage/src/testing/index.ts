/** For tests and benches: a replicated store of one node in memory, and the contract suite of tables. */
export type { CommitFailure } from "./memory-store.ts";
export { MemoryStore } from "./memory-store.ts";
export type { OpenTable, TableClaim } from "./table-suite.ts";
export { TABLE_CLAIMS } from "./table-suite.ts";
