/** The configuration file of a server: HCL 1 or JSON, with Vault's names, to a `ServerConfig`. */
export type { ListenerConfig, RaftStorageConfig, ServerConfig, TlsConfig } from "./server-config.ts";
export { parseServerConfig, parseServerConfigs } from "./server-config.ts";
export { ConfigError } from "./tree.ts";
