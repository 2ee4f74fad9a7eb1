/** The auth methods, one folder each. */
export { approleFactory } from "./approle/backend.ts";
export { userpassFactory } from "./userpass/backend.ts";
