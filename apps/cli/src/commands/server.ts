import { type Command, defineCommand } from "../command.ts";

/** The one command that runs the server in this process. */
export const server: Command = defineCommand({
  usage: "-config=FILE [-join=TOKEN] | -dev [options]",
  description: `Runs a node in the foreground until it is told to stop (SIGINT, SIGTERM).

  strongroom server -config=/etc/strongroom/config.json
  strongroom server -config=node-1.json -join=srjoin.…  adds a node to a running cluster
  strongroom server -dev                                one open node over plain HTTP on loopback, to try things out`,
  flags: {
    config: {
      kind: "list",
      value: "FILE",
      help: "Configuration file, HCL or JSON, with Vault's names, or a directory of such. May be given more than once.",
    },
    join: { kind: "string", value: "TOKEN", help: "Join the cluster that made this token. STRONGROOM_JOIN_TOKEN." },
    dev: { kind: "switch", help: "Development mode: one node, initialised and open, nothing kept." },
    "dev-root-token-id": {
      kind: "string",
      value: "ID",
      help: "The root token of the development server. VAULT_DEV_ROOT_TOKEN_ID.",
    },
    "dev-no-store-token": { kind: "switch", help: "Accepted for Vault's scripts: the root token is never stored." },
    "dev-listen-address": {
      kind: "string",
      value: "HOST:PORT",
      help: "Where the development server listens; 127.0.0.1:8200. VAULT_DEV_LISTEN_ADDRESS.",
    },
    "log-level": {
      kind: "string",
      value: "LEVEL",
      help: "debug, info, warn or error. STRONGROOM_LOG_LEVEL, VAULT_LOG_LEVEL; info.",
    },
  },
  positional: { min: 0, max: 0 },
  async run({ environment }, { flags }) {
    const { runServer } = await import("@strongroom/server");
    return runServer({
      configFiles: flags.config,
      joinToken: flags.join ?? environment["STRONGROOM_JOIN_TOKEN"],
      dev: flags.dev,
      devRootTokenId: flags["dev-root-token-id"] ?? environment["VAULT_DEV_ROOT_TOKEN_ID"],
      devListenAddress: flags["dev-listen-address"] ?? environment["VAULT_DEV_LISTEN_ADDRESS"],
      logLevel: flags["log-level"] ?? environment["STRONGROOM_LOG_LEVEL"] ?? environment["VAULT_LOG_LEVEL"],
    });
  },
});
