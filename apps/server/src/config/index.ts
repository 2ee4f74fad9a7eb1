export { readConfigFiles } from "./config-files.ts";
/** The configuration file of a server: HCL 1 or JSON, with Vault's names, to a `ServerConfig`. */
export type { ListenerConfig, ServerConfig } from "./server-config.ts";
export { parseServerConfigs } from "./server-config.ts";
