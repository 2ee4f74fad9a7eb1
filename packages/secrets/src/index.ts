/** The secrets engines, one folder each. */
export { kvFactory } from "./kv/backend.ts";
