/** What a backend's tests need: the contract's suite, a storage in memory, requests as the core makes them. */
export type { BackendSuiteOptions, SampleRequest, SuiteCase } from "./backend-suite.ts";
export { backendSuite } from "./backend-suite.ts";
export { MemoryLogicalStorage } from "./memory-logical-storage.ts";
export type { TestRequest } from "./requests.ts";
export { testContext, testRequest } from "./requests.ts";
