import { type Command, defineCommand, EXIT, LocalError } from "../command.ts";
import { endpoint, kvPath, MOUNT_FLAG } from "../kv-path.ts";
import { ServerApi } from "../server-api.ts";
import { CONNECTION_FLAGS, connectionFrom } from "../settings.ts";

export const kvMetadataPut: Command = defineCommand({
  usage: "[options] PATH",
  description: `Sets a secret's settings; makes the secret, without a version, if there is none.

  strongroom kv metadata put -max-versions=20 -custom-metadata=owner=payments secret/app`,
  flags: {
    ...CONNECTION_FLAGS,
    ...MOUNT_FLAG,
    "max-versions": { kind: "integer", help: "How many versions to keep." },
    "cas-required": { kind: "string", value: "BOOL", help: "Whether each write must name the current version." },
    "delete-version-after": {
      kind: "string",
      value: "DURATION",
      help: "When a new version is deleted by itself, as 720h; 0s: never.",
    },
    "custom-metadata": {
      kind: "list",
      value: "K=V",
      help: "A note of your own; may be given more than once. Replaces all earlier ones.",
    },
  },
  positional: { min: 1, max: 1 },
  async run(context, { flags, positional }) {
    const request: Record<string, unknown> = {};
    if (flags["max-versions"] !== undefined) request["max_versions"] = flags["max-versions"];
    if (flags["cas-required"] !== undefined) request["cas_required"] = flags["cas-required"];
    if (flags["delete-version-after"] !== undefined) request["delete_version_after"] = flags["delete-version-after"];
    if (flags["custom-metadata"].length > 0)
      request["custom_metadata"] = Object.fromEntries(flags["custom-metadata"].map(note));
    const api = new ServerApi(connectionFrom(context, flags));
    const path = endpoint(await kvPath(api, positional[0] ?? "", flags.mount, "versions"), "metadata");
    await api.call({ method: "PUT", path, body: JSON.stringify(request) });
    context.terminal.out(`Success! Data written to: ${path}\n`);
    return EXIT.ok;
  },
});

function note(text: string): [string, string] {
  const at = text.indexOf("=");
  if (at <= 0) throw new LocalError(`Invalid custom metadata "${text}": give key=value.`);
  return [text.slice(0, at), text.slice(at + 1)];
}
