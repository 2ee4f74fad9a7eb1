/**
 * The versioned key-value store (Vault's kv version 2). Every handler is a function of its transaction, the request and the
 * log's time; a write reads two rows (the mount's settings, the secret's metadata) and writes two.
 */
import { type Backend, type BackendFactory, defineBackend, LogicalError } from "@strongroom/logical";
import { pathConfig } from "./path-config.ts";
import { pathData } from "./path-data.ts";
import { pathDelete } from "./path-delete.ts";
import { pathDestroy } from "./path-destroy.ts";
import { pathMetadata } from "./path-metadata.ts";
import { pathSubkeys } from "./path-subkeys.ts";
import { pathUndelete } from "./path-undelete.ts";
import { pathUnversioned } from "./path-unversioned.ts";

/** Mount type `kv` with `options.version` "2", or `kv-v2`. */
export const kvFactory: BackendFactory = {
  type: "kv",
  category: "secret",
  aliases: new Map([["kv-v2", new Map([["version", "2"]])]]),
  create(mount): Backend {
    // Vault's default for a mount without the option is version 1.
    const version = mount.options.get("version") ?? "1";
    if (version === "2") return versioned;
    throw new LogicalError(
      "unsupported_backend",
      `version ${JSON.stringify(version)} of the kv engine is not supported: mount it with the option version=2, or as type kv-v2`,
    );
  },
};

const versioned: Backend = defineBackend({
  type: "kv",
  help: "This backend keeps JSON objects under paths, each in numbered versions that can be deleted, undeleted and destroyed.",
  paths: [pathConfig, pathData, pathDelete, pathUndelete, pathDestroy, pathMetadata, pathSubkeys, pathUnversioned],
});
