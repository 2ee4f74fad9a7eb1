import { type Command, defineCommand } from "../command.ts";
import { printSecret } from "../secret-output.ts";
import { ServerApi } from "../server-api.ts";
import { CONNECTION_FLAGS, connectionFrom, FIELD_FLAG, FORMAT_FLAG, formatFrom } from "../settings.ts";

export const tokenCreate: Command = defineCommand({
  usage: "[options]",
  description: `Makes a token, a child of the one in use: it ends with it, and may no more than it.

  strongroom token create -policy=app -ttl=1h
  strongroom token create -orphan -period=24h -policy=app
  strongroom token create -role=ci -wrap-ttl=5m`,
  flags: {
    ...CONNECTION_FLAGS,
    ...FORMAT_FLAG,
    ...FIELD_FLAG,
    policy: { kind: "list", value: "NAME", help: "A policy of the token; may be given several times." },
    ttl: { kind: "string", value: "DURATION", help: "How long it lives before it is renewed." },
    "explicit-max-ttl": { kind: "string", value: "DURATION", help: "How long it lives at most, renewed or not." },
    period: {
      kind: "string",
      value: "DURATION",
      help: "It lives this long after each renewal, without a limit; takes sudo.",
    },
    "use-limit": { kind: "integer", help: "How often it may be used; 0 for any number." },
    type: { kind: "string", help: "service or batch; service." },
    role: { kind: "string", help: "A token role that says what it gets." },
    id: { kind: "string", help: "The token itself; takes sudo. It stays in the shell's history." },
    "display-name": { kind: "string", help: "A name for people and the audit." },
    metadata: { kind: "list", value: "K=V", help: "Shown in the audit; may be given several times." },
    orphan: { kind: "switch", help: "Without a parent: it lives on when the token in use ends; takes sudo." },
    "no-default-policy": { kind: "switch", help: 'Leave the policy "default" out.' },
    renewable: { kind: "string", help: "true or false; true." },
  },
  positional: { min: 0, max: 0 },
  async run(context, { flags }) {
    const body = {
      ...(flags.policy.length === 0 ? {} : { policies: flags.policy.flatMap((list) => list.split(",")) }),
      ...(flags.ttl === undefined ? {} : { ttl: flags.ttl }),
      ...(flags["explicit-max-ttl"] === undefined ? {} : { explicit_max_ttl: flags["explicit-max-ttl"] }),
      ...(flags.period === undefined ? {} : { period: flags.period }),
      ...(flags["use-limit"] === undefined ? {} : { num_uses: flags["use-limit"] }),
      ...(flags.type === undefined ? {} : { type: flags.type }),
      ...(flags.id === undefined ? {} : { id: flags.id }),
      ...(flags["display-name"] === undefined ? {} : { display_name: flags["display-name"] }),
      ...(flags.metadata.length === 0 ? {} : { meta: pairs(flags.metadata) }),
      ...(flags.orphan ? { no_parent: true } : {}),
      ...(flags["no-default-policy"] ? { no_default_policy: true } : {}),
      ...(flags.renewable === undefined ? {} : { renewable: flags.renewable }),
    };
    const path = flags.role === undefined ? "auth/token/create" : `auth/token/create/${flags.role}`;
    const api = new ServerApi(connectionFrom(context, flags));
    const answer = (await api.call({ method: "POST", path, body: JSON.stringify(body) })).json ?? {};
    return printSecret(context, formatFrom(context, flags.format), answer, flags.field);
  },
});

function pairs(given: readonly string[]): Readonly<Record<string, string>> {
  return Object.fromEntries(given.map((pair) => pair.split(/=(.*)/s, 2) as [string, string]));
}
