import type { Context } from "../command.ts";
import { type Command, defineCommand, EXIT, LocalError } from "../command.ts";
import { display, print, table } from "../output.ts";
import { ServerApi } from "../server-api.ts";
import { CONNECTION_FLAGS, connectionFrom, FORMAT_FLAG, formatFrom, refuseUnverified } from "../settings.ts";

type Answer = Readonly<Record<string, unknown>>;

export const operatorRekey: Command = defineCommand({
  usage: "[options] [KEY | -]",
  description: `Replaces the unseal key and its shares, the root key and the data key, in one step. An administrator starts it; custodians approve it
with today's shares; with the last one that it takes the new shares are shown, once. They come into force when as many of them
as the new threshold says were given back with -verify; until then today's shares stay the right ones.

  strongroom operator rekey -init -key-shares=5 -key-threshold=3
  strongroom operator rekey -nonce=NONCE           asks for one of today's shares; \`-\` reads it from standard input
  strongroom operator rekey -verify -nonce=NONCE   asks for one of the new shares
  strongroom operator rekey -status
  strongroom operator rekey -cancel`,
  flags: {
    ...CONNECTION_FLAGS,
    ...FORMAT_FLAG,
    init: { kind: "switch", help: "Start a rekey; takes a token with sudo." },
    cancel: { kind: "switch", help: "End the rekey under way; takes a token with sudo." },
    status: { kind: "switch", help: "Show the rekey under way; takes a token with sudo." },
    verify: { kind: "switch", help: "Give back a new share." },
    "no-verify": { kind: "switch", help: "With -init: the new shares are in force at once, received or not." },
    "key-shares": { kind: "integer", help: "With -init: shares to make; 5." },
    n: { kind: "integer", help: "The same as -key-shares." },
    "key-threshold": { kind: "integer", help: "With -init: shares needed to open the cluster; 3." },
    t: { kind: "integer", help: "The same as -key-threshold." },
    nonce: {
      kind: "string",
      help: "Which rekey the share is for: the nonce that its start showed, or the verification nonce.",
    },
  },
  positional: { min: 0, max: 1 },
  async run(context, { flags, positional }) {
    const connection = connectionFrom(context, flags);
    refuseUnverified(connection);
    const api = new ServerApi(connection);
    const format = formatFrom(context, flags.format);
    if (flags.cancel) {
      await api.call({ method: "DELETE", path: "sys/rekey/init" });
      context.terminal.out("Success! No rekey is under way; today's shares stay the right ones.\n");
      return EXIT.ok;
    }
    const show = (body: Answer, text: () => string): Promise<number> | number =>
      print(context, format, { body, fields: body, table: text });
    if (flags.status) {
      const status = (await api.call({ method: "GET", path: "sys/rekey/init" })).json ?? {};
      return show(status, () => statusTable(status));
    }
    if (flags.init) {
      const body = JSON.stringify({
        secret_shares: flags["key-shares"] ?? flags.n ?? 5,
        secret_threshold: flags["key-threshold"] ?? flags.t ?? 3,
        require_verification: !flags["no-verify"],
      });
      const status = (await api.call({ method: "PUT", path: "sys/rekey/init", body })).json ?? {};
      return show(
        status,
        () =>
          `${statusTable(status)}\nNext, each custodian: strongroom operator rekey -nonce=${String(status["nonce"])}\n`,
      );
    }
    if (flags.nonce === undefined)
      throw new LocalError("Give the nonce of the rekey with -nonce, or start one with -init.");
    const key = await readShare(context, positional[0], flags.verify ? "New key share" : "Key share");
    const body = JSON.stringify({ key, nonce: flags.nonce });
    const path = flags.verify ? "sys/rekey/verify" : "sys/rekey/update";
    const answer = (await api.call({ method: "PUT", path, body })).json ?? {};
    return show(answer, () => (flags.verify ? verifiedText(answer) : approvedText(answer)));
  },
});

async function readShare(context: Context, given: string | undefined, label: string): Promise<string> {
  if (given !== undefined && given !== "-" && context.terminal.interactive) {
    context.terminal.error(
      "WARNING! A key share given as an argument stays in the shell's history. Leave it out to be asked for it.\n",
    );
  }
  const key =
    given === undefined
      ? (await context.terminal.promptHidden(`${label} (will be hidden): `)).trim()
      : given === "-"
        ? (await context.terminal.readInput()).toString("utf8").trim()
        : given;
  if (key === "") throw new LocalError("No key share given.");
  return key;
}

function statusTable(status: Answer): string {
  if (status["started"] !== true) return table(["Key", "Value"], [["Started", "false"]]);
  const rows: [string, string][] = [
    ["Nonce", String(status["nonce"])],
    ["Started", "true"],
    ["Rekey Progress", `${String(status["progress"])}/${String(status["required"])}`],
    ["New Shares", String(status["n"])],
    ["New Threshold", String(status["t"])],
    ["Verification Required", String(status["verification_required"])],
  ];
  const verification = status["verification_nonce"];
  if (verification !== undefined) rows.push(["Verification Nonce", display(verification)]);
  return table(["Key", "Value"], rows);
}

function approvedText(answer: Answer): string {
  const keys = answer["keys_base64"];
  if (!Array.isArray(keys)) return statusTable(answer);
  const shares = keys.map((key, index) => `Key ${index + 1}: ${String(key)}`).join("\n");
  const verification = answer["verification_nonce"];
  const next =
    answer["complete"] === false
      ? "The cluster did not say whether the new shares are in force. Keep the old ones and the new ones until one set has opened a node."
      : verification === undefined
        ? "The new shares are in force; the old ones open nothing any more."
        : `They are NOT in force yet: today's shares stay the right ones until enough new ones were given back.\n\n` +
          `Next, each custodian: strongroom operator rekey -verify -nonce=${display(verification)}`;
  return `${shares}\n\n${next}\n`;
}

function verifiedText(answer: Answer): string {
  if (answer["complete"] === true) return "Success! The new shares are in force; the old ones open nothing any more.\n";
  if (answer["complete"] === false) {
    return "The cluster did not say whether the new shares are in force. Keep the old ones and the new ones.\n";
  }
  return table(["Key", "Value"], [["Verification Progress", `${String(answer["progress"])}/${String(answer["t"])}`]]);
}
