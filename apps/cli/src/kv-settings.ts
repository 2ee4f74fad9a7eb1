/** The settings of a secret that `kv metadata put` and `kv metadata patch` send. */
import { LocalError } from "./command.ts";

export const KV_SETTINGS = {
  "max-versions": { kind: "integer", help: "How many versions to keep." },
  "cas-required": { kind: "string", value: "BOOL", help: "Whether each write must name the current version." },
  "delete-version-after": {
    kind: "string",
    value: "DURATION",
    help: "When a new version is deleted by itself, as 720h; 0s: never.",
  },
  "custom-metadata": { kind: "list", value: "K=V", help: "A note of your own; may be given more than once." },
} as const;

interface KvSettings {
  readonly "max-versions": number | undefined;
  readonly "cas-required": string | undefined;
  readonly "delete-version-after": string | undefined;
  readonly "custom-metadata": readonly string[];
}

/** What was given, as the server names it. */
export function settingsBody(flags: KvSettings): Record<string, unknown> {
  const notes = flags["custom-metadata"].map(note);
  return {
    ...(flags["max-versions"] === undefined ? {} : { max_versions: flags["max-versions"] }),
    ...(flags["cas-required"] === undefined ? {} : { cas_required: flags["cas-required"] }),
    ...(flags["delete-version-after"] === undefined ? {} : { delete_version_after: flags["delete-version-after"] }),
    ...(notes.length === 0 ? {} : { custom_metadata: Object.fromEntries(notes) }),
  };
}

function note(text: string): [string, string] {
  const at = text.indexOf("=");
  if (at <= 0) throw new LocalError(`Invalid custom metadata "${text}": give key=value.`);
  return [text.slice(0, at), text.slice(at + 1)];
}
