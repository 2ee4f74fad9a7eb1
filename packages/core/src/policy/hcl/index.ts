/** HCL 1 and JSON, for policies and for configuration files: one parser, one tree, errors with line and column. */
export { parseHcl } from "./parse.ts";
export type { HclEntry, HclNode, HclObject, Position } from "./tree.ts";
export { HclError } from "./tree.ts";
