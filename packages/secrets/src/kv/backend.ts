/**
 * The key-value store, with versions (Vault's kv version 2) and without (version 1); one of these becomes one of those by
 * tuning it, and no row is rewritten. Every handler is a function of its transaction, the request and the
 * log's time; a write reads two rows (the mount's settings, the secret's metadata) and writes two.
 */
import { type Backend, type BackendFactory, defineBackend, LogicalError } from "@strongroom/logical";
import { UPGRADED } from "./kv-rows.ts";
import { pathConfig } from "./path-config.ts";
import { pathData } from "./path-data.ts";
import { pathDelete } from "./path-delete.ts";
import { pathDestroy } from "./path-destroy.ts";
import { pathMetadata } from "./path-metadata.ts";
import { pathPlain } from "./path-plain.ts";
import { pathSubkeys } from "./path-subkeys.ts";
import { pathUndelete } from "./path-undelete.ts";
import { pathUnversioned } from "./path-unversioned.ts";

/** Mount type `kv` with `options.version` "1", Vault's default, or "2"; `kv-v1`, `generic` and `kv-v2` say it by name. */
export const kvFactory: BackendFactory = {
  type: "kv",
  category: "secret",
  aliases: new Map([
    ["kv-v1", new Map([["version", "1"]])],
    ["generic", new Map([["version", "1"]])],
    ["kv-v2", new Map([["version", "2"]])],
  ]),
  ownOptions: new Set([UPGRADED]),
  create: (mount): Backend => (versionOf(mount.options) === "2" ? versioned : plain),
  retune: (before, after) => {
    const [from, to] = [versionOf(before), versionOf(after)];
    const kept = before.get(UPGRADED) ?? "";
    if (from === to) return kept === "" ? after : new Map([...after, [UPGRADED, kept]]);
    if (from === "2") {
      throw new LogicalError("invalid_request", "cannot downgrade mount from KV version 2: its versions would be lost");
    }
    return new Map([...after, [UPGRADED, "true"]]);
  },
};

const versioned: Backend = defineBackend({
  type: "kv",
  help: "This backend keeps JSON objects under paths, each in numbered versions that can be deleted, undeleted and destroyed.",
  paths: [pathConfig, pathData, pathDelete, pathUndelete, pathDestroy, pathMetadata, pathSubkeys, pathUnversioned],
});

const plain: Backend = defineBackend({
  type: "kv",
  help: "This backend keeps JSON objects under paths, the last one that was written under each.",
  paths: [pathPlain],
});

function versionOf(options: ReadonlyMap<string, string>): "1" | "2" {
  const version = options.get("version") ?? "1";
  if (version === "1" || version === "2") return version;
  throw new LogicalError(
    "unsupported_backend",
    `version ${JSON.stringify(version)} of the kv engine is not supported: mount it with the option version=1 or version=2`,
  );
}
