/** `secrets …` and `auth …`: the same commands on two tables of mounts. */
import { type Command, defineCommand, EXIT, LocalError } from "./command.ts";
import { display, print, table } from "./output.ts";
import { ServerApi } from "./server-api.ts";
import { CONNECTION_FLAGS, connectionFrom, FORMAT_FLAG, formatFrom } from "./settings.ts";

interface Kind {
  /** As commands are called. */
  readonly group: "auth" | "secrets";
  /** What hangs there, in words. */
  readonly noun: string;
  /** Where the server keeps the table. */
  readonly endpoint: "sys/auth" | "sys/mounts";
  readonly example: string;
}

export const AUTH: Kind = { group: "auth", noun: "auth method", endpoint: "sys/auth", example: "userpass" };
export const SECRETS: Kind = { group: "secrets", noun: "secrets engine", endpoint: "sys/mounts", example: "kv-v2" };

const TUNING = {
  "default-lease-ttl": {
    kind: "string",
    value: "DURATION",
    help: "How long leases and tokens live before they are renewed.",
  },
  "max-lease-ttl": { kind: "string", value: "DURATION", help: "For how long they may be renewed." },
  "listing-visibility": { kind: "string", value: "WHO", help: '"unauth": shown without a token; "hidden".' },
  "audit-non-hmac-request-keys": {
    kind: "list",
    value: "KEY",
    help: "Members of requests that the audit shows in clear.",
  },
  "audit-non-hmac-response-keys": {
    kind: "list",
    value: "KEY",
    help: "Members of answers that the audit shows in clear.",
  },
  "passthrough-request-headers": { kind: "list", value: "NAME", help: "Headers that the mount is given." },
  "allowed-response-headers": { kind: "list", value: "NAME", help: "Headers that the mount may set." },
} as const;

interface Tuning {
  readonly "default-lease-ttl": string | undefined;
  readonly "max-lease-ttl": string | undefined;
  readonly "listing-visibility": string | undefined;
  readonly "audit-non-hmac-request-keys": readonly string[];
  readonly "audit-non-hmac-response-keys": readonly string[];
  readonly "passthrough-request-headers": readonly string[];
  readonly "allowed-response-headers": readonly string[];
}

function tuningBody(flags: Tuning): Record<string, unknown> {
  const names = Object.keys(TUNING) as (keyof Tuning)[];
  const given = names.filter((name) => {
    const value = flags[name];
    return value !== undefined && value.length > 0;
  });
  return Object.fromEntries(given.map((name) => [name.replaceAll("-", "_"), flags[name]]));
}

export function mountListCommand(kind: Kind): Command {
  return defineCommand({
    usage: "[options]",
    description: `Lists the ${kind.noun}s, and where they are.\n\n  strongroom ${kind.group} list -detailed`,
    flags: { ...CONNECTION_FLAGS, ...FORMAT_FLAG, detailed: { kind: "switch", help: "With their settings." } },
    positional: { min: 0, max: 0 },
    async run(context, { flags }) {
      const body =
        (await new ServerApi(connectionFrom(context, flags)).call({ method: "GET", path: kind.endpoint })).json ?? {};
      const mounts = Object.entries((body.data ?? {}) as Readonly<Record<string, Readonly<Record<string, unknown>>>>);
      const config = (mount: Readonly<Record<string, unknown>>, name: string): string =>
        display((mount["config"] as Readonly<Record<string, unknown>> | undefined)?.[name]);
      return print(context, formatFrom(context, flags.format), {
        body: body.data ?? {},
        table: () =>
          flags.detailed
            ? table(
                ["Path", "Type", "Accessor", "Default TTL", "Max TTL", "Options", "UUID", "Description"],
                mounts.map(([path, mount]) => [
                  path,
                  display(mount["type"]),
                  display(mount["accessor"]),
                  config(mount, "default_lease_ttl"),
                  config(mount, "max_lease_ttl"),
                  display(mount["options"] ?? {}),
                  display(mount["uuid"]),
                  display(mount["description"]),
                ]),
              )
            : table(
                ["Path", "Type", "Accessor", "Description"],
                mounts.map(([path, mount]) => [
                  path,
                  ...["type", "accessor", "description"].map((name) => display(mount[name])),
                ]),
              ),
      });
    },
  });
}

export function mountEnableCommand(kind: Kind): Command {
  return defineCommand({
    usage: "[options] TYPE",
    description: `Mounts the ${kind.noun} TYPE, at its type's name unless -path says where.\n\n  strongroom ${kind.group} enable -path=team ${kind.example}`,
    flags: {
      ...CONNECTION_FLAGS,
      ...TUNING,
      path: { kind: "string", value: "PATH", help: "Where to mount it." },
      description: { kind: "string", help: "For people." },
      version: { kind: "string", help: "Of the kv engine: 1 or 2." },
      options: { kind: "list", value: "K=V", help: "The mount's own options." },
    },
    positional: { min: 1, max: 1 },
    async run(context, { flags, positional }) {
      const [type = ""] = positional;
      const path = trimmed(flags.path ?? type);
      const options = optionsOf(flags.options, flags.version);
      const config = tuningBody(flags);
      const body = JSON.stringify({
        type,
        ...(flags.description === undefined ? {} : { description: flags.description }),
        ...(Object.keys(config).length === 0 ? {} : { config }),
        ...(options === undefined ? {} : { options }),
      });
      await new ServerApi(connectionFrom(context, flags)).call({
        method: "POST",
        path: `${kind.endpoint}/${path}`,
        body,
      });
      context.terminal.out(`Success! Enabled the ${type} ${kind.noun} at: ${path}/\n`);
      return EXIT.ok;
    },
  });
}

export function mountDisableCommand(kind: Kind): Command {
  return defineCommand({
    usage: "[options] PATH",
    description: `Takes the ${kind.noun} at PATH away, with ${kind.group === "auth" ? "the tokens that it gave" : "all that it holds"}. It is gone for everybody at once; what it leaves is\nremoved behind.\n\n  strongroom ${kind.group} disable team`,
    flags: CONNECTION_FLAGS,
    positional: { min: 1, max: 1 },
    async run(context, { flags, positional }) {
      const path = trimmed(positional[0] ?? "");
      await new ServerApi(connectionFrom(context, flags)).call({ method: "DELETE", path: `${kind.endpoint}/${path}` });
      context.terminal.out(`Success! Disabled the ${kind.noun} (if it existed) at: ${path}/\n`);
      return EXIT.ok;
    },
  });
}

export function mountTuneCommand(kind: Kind): Command {
  return defineCommand({
    usage: "[options] PATH",
    description: `Changes settings of the ${kind.noun} at PATH; what is not given stays.\n\n  strongroom ${kind.group} tune -max-lease-ttl=48h team`,
    flags: {
      ...CONNECTION_FLAGS,
      ...TUNING,
      description: { kind: "string", help: "For people." },
      "token-type": { kind: "string", help: "Of an auth method: service, batch, default-service or default-batch." },
      version: { kind: "string", help: "Of the kv engine: 2 gives its secrets versions, for good." },
      options: { kind: "list", value: "K=V", help: "The mount's own options." },
    },
    positional: { min: 1, max: 1 },
    async run(context, { flags, positional }) {
      const path = trimmed(positional[0] ?? "");
      const options = optionsOf(flags.options, flags.version);
      const body = {
        ...tuningBody(flags),
        ...(flags.description === undefined ? {} : { description: flags.description }),
        ...(flags["token-type"] === undefined ? {} : { token_type: flags["token-type"] }),
        ...(options === undefined ? {} : { options }),
      };
      if (Object.keys(body).length === 0) throw new LocalError("Give at least one setting to change; see -help.");
      await new ServerApi(connectionFrom(context, flags)).call({
        method: "POST",
        path: `${kind.endpoint}/${path}/tune`,
        body: JSON.stringify(body),
      });
      context.terminal.out(`Success! Tuned the ${kind.noun} at: ${path}/\n`);
      return EXIT.ok;
    },
  });
}

export function mountMoveCommand(kind: Kind): Command {
  return defineCommand({
    usage: "[options] SOURCE DESTINATION",
    description: `Moves the ${kind.noun} at SOURCE to DESTINATION: nothing is rewritten. Policies name paths, so they have to follow.\n\n  strongroom ${kind.group} move old/ new/`,
    flags: CONNECTION_FLAGS,
    positional: { min: 2, max: 2 },
    async run(context, { flags, positional }) {
      const prefix = kind.group === "auth" ? "auth/" : "";
      const [from = "", to = ""] = positional.map((path) => `${prefix}${trimmed(path).replace(/^auth\//, "")}/`);
      const api = new ServerApi(connectionFrom(context, flags));
      await api.call({ method: "POST", path: "sys/remount", body: JSON.stringify({ from, to }) });
      context.terminal.out(`Success! Moved ${from} to ${to}\n`);
      return EXIT.ok;
    },
  });
}

function optionsOf(
  given: readonly string[],
  version: string | undefined,
): Readonly<Record<string, string>> | undefined {
  const options: Record<string, string> = {};
  for (const option of given) {
    const at = option.indexOf("=");
    if (at <= 0) throw new LocalError(`Invalid option "${option}": give -options=key=value.`);
    options[option.slice(0, at)] = option.slice(at + 1);
  }
  if (version !== undefined) options["version"] = version;
  return Object.keys(options).length === 0 ? undefined : options;
}

function trimmed(path: string): string {
  return path.replace(/^\/+|\/+$/g, "");
}
