/** The secrets engines, one folder each. */

export { cubbyholeFactory } from "./cubbyhole/backend.ts";
export { kvFactory } from "./kv/backend.ts";
