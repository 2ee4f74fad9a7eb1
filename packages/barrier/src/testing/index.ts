/** For tests: an open barrier from a seed. */
export type { TestBarrier } from "./test-barrier.ts";
export { openTestBarrier, TEST_SCOPE } from "./test-barrier.ts";
