/**
 * The cubbyhole: each token's own small store, which no other token sees and which goes with it. Whose rows a request sees is
 * the core's affair: the storage that handlers get is the bearer's.
 */
import { type Backend, type BackendFactory, defineBackend } from "@strongroom/logical";
import { pathValue } from "./path-value.ts";

/** Mounted once, at `cubbyhole/`, by the core. */
export const cubbyholeFactory: BackendFactory = {
  type: "cubbyhole",
  category: "secret",
  create: (): Backend => cubbyhole,
};

const cubbyhole: Backend = defineBackend({
  type: "cubbyhole",
  help: "This backend keeps JSON objects under paths, for one token alone; they are gone when the token is.",
  paths: [pathValue],
});
