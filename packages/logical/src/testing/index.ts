/** What a backend's tests need. */
export { MemoryLogicalStorage } from "./memory-logical-storage.ts";
