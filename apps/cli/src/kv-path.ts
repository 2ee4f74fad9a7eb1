/**
 * Finds the mount that a secret's path lies in, as every `kv` command of Vault's tool does: the server says where the mount
 * ends and which version of the engine it is; `-mount` says it without asking.
 */
import { LocalError } from "./command.ts";
import { RemoteError, type ServerApi } from "./server-api.ts";

export const MOUNT_FLAG = {
  mount: {
    kind: "string",
    value: "PATH",
    help: "Where the engine is mounted; else the first part of PATH that is a mount.",
  },
} as const;

export interface KvPath {
  /** With its closing slash. */
  readonly mount: string;
  /** Below the mount. */
  readonly name: string;
  /** Whether its secrets have versions. */
  readonly versioned: boolean;
}

/** `needs`: the command makes no sense for secrets without versions. Throws `RemoteError` or `LocalError`. */
export async function kvPath(
  api: ServerApi,
  path: string,
  mountFlag: string | undefined,
  needs?: "versions",
): Promise<KvPath> {
  const full = (mountFlag === undefined ? path : `${trim(mountFlag)}/${trim(path)}`).replace(/^\/+/, "");
  const response = await api.call({ method: "GET", path: `sys/internal/ui/mounts/${full}`, preflight: true }, [404]);
  const mount = response.json?.data?.["path"];
  if (response.status === 404 || typeof mount !== "string")
    throw new RemoteError(`No secrets engine is mounted at ${full}.`, 404);
  const type = response.json?.data?.["type"];
  if (type !== "kv" && type !== "generic") {
    throw new LocalError(`The mount ${mount} is no KV engine. Use strongroom read, write, list and delete with it.`);
  }
  const options = response.json?.data?.["options"] as { readonly version?: string } | null | undefined;
  const versioned = options?.version === "2";
  if (needs === "versions" && !versioned) {
    throw new LocalError(
      `The secrets of ${mount} have no versions. Give them some with: strongroom kv enable-versioning ${mount}`,
    );
  }
  return { mount, name: `${full}/`.startsWith(mount) ? full.slice(mount.length) : "", versioned };
}

/** `secret/` + `data` + `app` = `secret/data/app`; without versions there are no sections. */
export function endpoint({ mount, name, versioned }: KvPath, section: string): string {
  return versioned ? `${mount}${section}/${name}` : `${mount}${name}`;
}

/** `-versions=1,2 -versions=3`. */
export function versionsFrom(lists: readonly string[]): number[] {
  return lists
    .flatMap((list) => list.split(","))
    .map((text) => {
      if (!/^\d{1,9}$/.test(text.trim()))
        throw new LocalError(`Invalid version "${text}": versions are whole numbers, as in -versions=1,2.`);
      return Number(text);
    });
}

function trim(path: string): string {
  return path.replace(/^\/+|\/+$/g, "");
}
