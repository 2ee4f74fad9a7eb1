/** What -output-curl-string and -output-policy print in the place of sending a command's request. */

/** What to print, and what of the connection it takes. */
export interface Preview {
  readonly as: "curl" | "policy";
  /** What `print token` prints. */
  readonly tokenInUse: string | undefined;
  /** How curl is told of the way there: certificates, by the files that this tool was given, and a proxy. */
  readonly curlArguments: readonly string[];
}

/** Thrown instead of sending; `main` prints its text, and the command has succeeded. */
export class RequestPreview extends Error {
  readonly text: string;

  constructor(text: string) {
    super("the request is shown and not sent");
    this.text = text;
  }
}

export interface PreviewedRequest {
  readonly method: string;
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
}

/** For a POSIX shell. The token in use is not shown, but read again by the command. */
export function curlCommand({ method, url, headers, body }: PreviewedRequest, preview: Preview): string {
  const parts = ["curl"];
  if (method !== "GET") parts.push("-X", method);
  parts.push(...preview.curlArguments.map((argument) => (argument.startsWith("--") ? argument : quoted(argument))));
  for (const [name, value] of Object.entries(headers)) {
    if (name === "Content-Length") continue;
    const inUse = name === "X-Vault-Token" && value === preview.tokenInUse;
    parts.push("-H", inUse ? `"${name}: $(strongroom print token)"` : quoted(`${name}: ${value}`));
  }
  if (body !== undefined) parts.push("-d", quoted(body));
  parts.push(quoted(url.href));
  return `${parts.join(" ")}\n`;
}

/** `sudo`: the path is root-protected. */
export function policyFor(method: string, path: string, sudo: boolean): string {
  const own = CAPABILITIES[method] ?? [];
  const capabilities = [...own, ...(sudo ? ["sudo"] : [])].map((capability) => `"${capability}"`).join(", ");
  return `path ${JSON.stringify(path)} {\n  capabilities = [${capabilities}]\n}\n`;
}

/** A write needs the one or the other, by whether something is there already. */
const CAPABILITIES: Readonly<Record<string, readonly string[]>> = {
  GET: ["read"],
  LIST: ["list"],
  PUT: ["create", "update"],
  POST: ["create", "update"],
  PATCH: ["patch"],
  DELETE: ["delete"],
};

function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
