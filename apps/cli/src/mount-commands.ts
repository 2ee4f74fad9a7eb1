/** `secrets …` and `auth …`: the same commands on two tables of mounts. */
import { type Command, defineCommand, EXIT, LocalError } from "./command.ts";
import type { FlagDeclarations, FlagValues } from "./flags.ts";
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
  /** What only this kind of mounts is told. */
  readonly flags: FlagDeclarations;
}

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
  description: { kind: "string", help: "For people." },
  options: { kind: "list", value: "K=V", help: "The mount's own options." },
} as const satisfies FlagDeclarations;

/** Of secrets engines alone. */
const SECRETS_TUNING = {
  version: { kind: "string", help: "Of the kv engine: 2 gives its secrets versions, for good." },
} as const satisfies FlagDeclarations;

/** Of auth methods alone. */
const AUTH_TUNING = {
  "token-type": { kind: "string", help: "Of the tokens it gives: service, batch, default-service or default-batch." },
  "user-lockout-threshold": { kind: "integer", help: "After how many failures a name is locked out." },
  "user-lockout-duration": { kind: "string", value: "DURATION", help: "For how long." },
  "user-lockout-counter-reset-duration": {
    kind: "string",
    value: "DURATION",
    help: "After how long without one failures are forgotten.",
  },
  "user-lockout-disable": { kind: "string", value: "BOOL", help: "true: nobody is locked out." },
} as const satisfies FlagDeclarations;

export const AUTH: Kind = {
  group: "auth",
  noun: "auth method",
  endpoint: "sys/auth",
  example: "userpass",
  flags: AUTH_TUNING,
};
export const SECRETS: Kind = {
  group: "secrets",
  noun: "secrets engine",
  endpoint: "sys/mounts",
  example: "kv-v2",
  flags: SECRETS_TUNING,
};

/** Sent as they are; engines are built in, and there is one cluster. */
const ENABLE_FLAGS = {
  path: { kind: "string", value: "PATH", help: "Where to mount it." },
  "force-no-cache": { kind: "switch", help: "Kept with the mount; there is no cache that it could switch off." },
  local: { kind: "switch", help: "Understood, without an effect: there is one cluster." },
  "seal-wrap": { kind: "switch", help: "Understood, without an effect: everything is sealed." },
  "external-entropy-access": { kind: "switch", help: "Understood, without an effect." },
} as const satisfies FlagDeclarations;

type Given = Readonly<Record<string, FlagValues<FlagDeclarations>[string]>>;

/** The members of `config`, those of both kinds of mounts; a flag that was not given is not there. */
function tuningBody(flags: Given): Record<string, unknown> {
  const outside = new Set(["description", "options", "version"]);
  const names = [...Object.keys(TUNING), ...Object.keys(AUTH_TUNING)].filter((name) => !outside.has(name));
  const given = names.filter((name) => {
    const value = flags[name];
    return value !== undefined && (!Array.isArray(value) || value.length > 0);
  });
  const config: Record<string, unknown> = {};
  const lockout: Record<string, unknown> = {};
  for (const name of given) {
    const member = name.replaceAll("-", "_");
    if (member.startsWith("user_")) lockout[member.slice("user_".length)] = flags[name];
    else config[member] = flags[name];
  }
  if (Object.keys(lockout).length > 0) config["user_lockout_config"] = lockout;
  return config;
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
    flags: { ...CONNECTION_FLAGS, ...ENABLE_FLAGS, ...TUNING, ...kind.flags },
    positional: { min: 1, max: 1 },
    async run(context, { flags, positional }) {
      const type = positional[0] ?? "";
      const path = trimmed(flags.path ?? type);
      const options = optionsOf(flags);
      const config = { ...tuningBody(flags), ...(flags["force-no-cache"] ? { force_no_cache: true } : {}) };
      const body = JSON.stringify({
        type,
        ...(flags.description === undefined ? {} : { description: flags.description }),
        ...(Object.keys(config).length === 0 ? {} : { config }),
        ...(options === undefined ? {} : { options }),
        ...(flags.local ? { local: true } : {}),
        ...(flags["seal-wrap"] ? { seal_wrap: true } : {}),
        ...(flags["external-entropy-access"] ? { external_entropy_access: true } : {}),
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
    flags: { ...CONNECTION_FLAGS, ...TUNING, ...kind.flags },
    positional: { min: 1, max: 1 },
    async run(context, { flags, positional }) {
      const path = trimmed(positional[0] ?? "");
      const options = optionsOf(flags);
      const body = {
        ...tuningBody(flags),
        ...(flags.description === undefined ? {} : { description: flags.description }),
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

function optionsOf(flags: Given): Readonly<Record<string, string>> | undefined {
  const given = flags["options"] as readonly string[];
  const version = flags["version"] as string | undefined;
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
