/** What `-config` names, read. */
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { asError } from "@strongroom/runtime";
import { ConfigError } from "./config-error.ts";

/** Of a directory the files that are HCL or JSON by their names, in the order of these, as in Vault. Throws `ConfigError`. */
export function readConfigFiles(
  paths: readonly string[],
): readonly { readonly name: string; readonly source: string }[] {
  return paths.flatMap((path) => filesOf(path)).map((name) => ({ name, source: read(name) }));
}

function filesOf(path: string): readonly string[] {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory() !== true) return [path];
  const names = readdirSync(path).filter((name) => /\.(hcl|json)$/.test(name));
  if (names.length === 0) throw new ConfigError(`${path} holds no configuration: no file in it ends in .hcl or .json`);
  return names.sort().map((name) => join(path, name));
}

function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    throw new ConfigError(`the configuration file cannot be read: ${asError(cause).message}`);
  }
}
