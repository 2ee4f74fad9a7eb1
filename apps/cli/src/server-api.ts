/**
 * A client of the server's HTTP API that is as light as a command-line tool wants it: `node:http(s)`, one request, no
 * connection kept. Bodies are handled as text and parsed where a command needs the data.
 */
import { createHash, type X509Certificate } from "node:crypto";
import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from "node:http";
import { Agent as HttpsAgent, request as httpsRequest, type RequestOptions } from "node:https";
import { isIP } from "node:net";
import { connect, type TLSSocket } from "node:tls";
import { asError, StrongroomError } from "@strongroom/runtime";
import { LocalError } from "./command.ts";
import { parseExactly } from "./exact-json.ts";
import { curlCommand, type Preview, policyFor, RequestPreview } from "./request-preview.ts";
import { mayRepeat, RETRY_PAUSE_MS } from "./retry.ts";
import type { Connection } from "./settings.ts";
import { pause } from "./wait.ts";

type Method = "GET" | "PUT" | "POST" | "PATCH" | "DELETE" | "LIST";

export interface ApiRequest {
  readonly method: Method;
  /** Below `/v1/`, not yet percent-encoded. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  /** A JSON text, sent as it is. */
  readonly body?: string;
  readonly token?: string;
  /** The command has to know the answer for itself: it is never wrapped, and asked for even if the command is only shown. */
  readonly preflight?: true;
  /** For this request; else the connection's. */
  readonly wrapTtl?: string;
}

/** What of a request overrules the connection. */
type OwnParts = Pick<ApiRequest, "token" | "preflight" | "wrapTtl">;

export interface ApiResponse {
  readonly status: number;
  readonly text: string;
  /** The parsed body; `undefined` when there is none. */
  readonly json: ApiBody | undefined;
}

export interface ApiBody {
  readonly [name: string]: unknown;
  readonly data?: Readonly<Record<string, unknown>> | null;
  readonly errors?: readonly string[];
  readonly warnings?: readonly string[] | null;
  readonly auth?: Readonly<Record<string, unknown>> | null;
  readonly wrap_info?: Readonly<Record<string, unknown>> | null;
}

const TIMEOUT_MS = 60_000;
const CHAIN_LENGTH_MAX = 8;
const BODY_BYTES_MAX = 64 * 1024 * 1024;

/** The server answered with an error, or did not answer: exit code 2. */
export class RemoteError extends StrongroomError {
  readonly code = "remote";
  /** The HTTP status; 0 when nothing answered. */
  readonly status: number;

  constructor(message: string, status: number, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.status = status;
  }
}

export class ServerApi {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** The answer, whatever its status. Throws `RemoteError` when none came. */
  async send(request: ApiRequest): Promise<ApiResponse> {
    const { method, path, query, body } = request;
    const search = new URLSearchParams(query);
    // The list verb travels as GET, which every proxy between here and the server lets through.
    if (method === "LIST") search.set("list", "true");
    const encoded = path.split("/").map(encodeURIComponent).join("/");
    const text = `/v1/${encoded}${search.size === 0 ? "" : `?${search.toString()}`}`;
    if (this.#connection.preview !== undefined && request.preflight !== true) {
      throw await this.#previewOf(this.#connection.preview, request, text);
    }
    const response = await this.#exchange(method === "LIST" ? "GET" : method, text, body, request);
    return { ...response, json: parseBody(response.text) };
  }

  async #previewOf(preview: Preview, request: ApiRequest, target: string): Promise<RequestPreview> {
    const { method, path, body } = request;
    if (preview.as === "policy") return new RequestPreview(policyFor(method, path, await this.#needsSudo(path)));
    const verb = method === "LIST" ? "GET" : method;
    const url = new URL(target, this.#connection.address);
    const headers = this.#headers(verb, body, request);
    return new RequestPreview(curlCommand({ method: verb, url, headers, body }, preview));
  }

  /** As the server's own help says; no when it says nothing, as to who may not ask. */
  async #needsSudo(path: string): Promise<boolean> {
    const request = { method: "GET", path: path.replace(/\/+$/, ""), query: { help: "1" }, preflight: true } as const;
    const { paths } = ((await this.send(request)).json?.["openapi"] ?? {}) as {
      readonly paths?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
    };
    return Object.values(paths ?? {}).some((item) => item["x-vault-sudo"] === true);
  }

  /** The answer, if its status is a success or one of `accepted`; else throws what Vault's tool prints. */
  async call(request: ApiRequest, accepted: readonly number[] = []): Promise<ApiResponse> {
    const response = await this.send(request);
    if (response.status < 300 || accepted.includes(response.status)) return response;
    throw this.failure(request, response);
  }

  /** The answer's bytes as they come. Throws as `call`; one that breaks off ends the stream with an error. */
  async download(request: ApiRequest): Promise<AsyncIterable<Uint8Array>> {
    const target = `/v1/${request.path}`;
    const { preview } = this.#connection;
    if (preview !== undefined) throw await this.#previewOf(preview, { ...request, preflight: true }, target);
    const response = await this.#request(request.method, target, undefined, { ...request, preflight: true });
    const status = response.statusCode ?? 0;
    if (status < 300) return response as AsyncIterable<Uint8Array>;
    const text = await readAll(response);
    throw this.failure(request, { status, text, json: parseBody(text) });
  }

  failure(request: ApiRequest, response: ApiResponse): RemoteError {
    const url = new URL(`/v1/${request.path}`, this.#connection.address);
    const errors = response.json?.errors ?? [];
    const list = errors.map((error) => `\n* ${error.trimEnd()}`).join("");
    const id = response.json?.["request_id"];
    const named = typeof id === "string" && id !== "" ? `\n\nRequest: ${id}` : "";
    const hint = hintFor(response.status, errors);
    return new RemoteError(
      `Error making API request.\n\nURL: ${request.method} ${url.href}\nCode: ${response.status}. Errors:\n${list}${named}${hint === undefined ? "" : `\n\n${hint}`}`,
      response.status,
    );
  }

  async #exchange(
    method: string,
    path: string,
    body: string | undefined,
    own: OwnParts,
  ): Promise<{ status: number; text: string }> {
    const response = await this.#request(method, path, body, own);
    return { status: response.statusCode ?? 0, text: await readAll(response) };
  }

  /** As often as may be and is wanted; what the last try came to. */
  async #request(method: string, path: string, body: string | undefined, own: OwnParts): Promise<IncomingMessage> {
    const connection = this.#connection;
    for (let left = connection.retries ?? 0; ; left--) {
      const answer = await this.#try(method, path, body, own).catch(asError);
      if (left === 0 || !mayRepeat(method, answer)) {
        if (answer instanceof Error) throw unreachable(connection, answer);
        return answer;
      }
      if (!(answer instanceof Error)) answer.resume();
      await pause(RETRY_PAUSE_MS);
    }
  }

  async #try(method: string, path: string, body: string | undefined, own: OwnParts): Promise<IncomingMessage> {
    const { address, timeoutMs: timeout = TIMEOUT_MS } = this.#connection;
    const headers = this.#headers(method, body, own);
    const options = { method, headers, timeout, ...(await this.#wayThere()) };
    const start = address.protocol === "https:" ? httpsRequest : httpRequest;
    return new Promise((resolve, reject) => {
      const request = start(new URL(path, address), options, resolve);
      request.on("timeout", () => request.destroy(new Error(noAnswer(timeout))));
      request.on("error", reject);
      request.end(body);
    });
  }

  #headers(method: string, body: string | undefined, own: OwnParts): Record<string, string> {
    const { token, namespace, headers: given = [] } = this.#connection;
    const wrapTtl = own.wrapTtl ?? this.#connection.wrapTtl;
    const headers: Record<string, string> = { ...Object.fromEntries(given), "X-Vault-Request": "true" };
    const credential = own.token ?? token;
    if (credential !== undefined) headers["X-Vault-Token"] = credential;
    if (namespace !== undefined) headers["X-Vault-Namespace"] = namespace;
    if (wrapTtl !== undefined && own.preflight !== true) headers["X-Vault-Wrap-TTL"] = wrapTtl;
    if (body !== undefined) {
      headers["Content-Type"] = method === "PATCH" ? "application/merge-patch+json" : "application/json";
      headers["Content-Length"] = String(Buffer.byteLength(body));
    }
    return headers;
  }

  async #wayThere(): Promise<RequestOptions> {
    const { caFingerprint, serverName, skipVerify, address, client, proxy } = this.#connection;
    const proxyEnv = proxy === undefined ? undefined : { HTTP_PROXY: proxy.href, HTTPS_PROXY: proxy.href };
    if (address.protocol !== "https:") return proxyEnv === undefined ? {} : { agent: new HttpAgent({ proxyEnv }) };
    let ca = this.#connection.caCertificates;
    if (caFingerprint !== undefined) {
      if (proxy !== undefined) {
        throw new LocalError("A CA is not looked for by its fingerprint through a proxy: give it by -ca-cert.");
      }
      ca = [await caByFingerprint(address, serverName, caFingerprint)];
    }
    return {
      agent: proxyEnv === undefined ? false : new HttpsAgent({ proxyEnv }),
      rejectUnauthorized: !skipVerify,
      ...(ca.length === 0 ? {} : { ca: [...ca] }),
      ...(client && { cert: client.certificate, key: client.key }),
      ...(serverName === undefined ? {} : { servername: serverName }),
    };
  }
}

/**
 * The CA whose certificate has that SHA-256, in PEM, from the chain that the server shows. Nothing is sent before it is
 * known; the request itself then goes out on a second connection, which trusts this CA and no other.
 */
function caByFingerprint(address: URL, serverName: string | undefined, fingerprint: string): Promise<string> {
  const host = address.hostname.replace(/^\[|\]$/g, "");
  const servername = serverName ?? (isIP(host) === 0 ? host : undefined);
  return new Promise((resolve, reject) => {
    const socket = connect({
      host,
      port: Number(address.port === "" ? 443 : address.port),
      rejectUnauthorized: false,
      timeout: TIMEOUT_MS,
      ...(servername === undefined ? {} : { servername }),
    });
    socket.on("error", reject);
    socket.on("timeout", () => socket.destroy(new Error(noAnswer(TIMEOUT_MS))));
    socket.on("secureConnect", () => {
      const found = chainOf(socket).find(({ raw }) => createHash("sha256").update(raw).digest("hex") === fingerprint);
      socket.destroy();
      if (found !== undefined) resolve(found.toString());
      else
        reject(
          new LocalError(
            `The certificate of ${address.origin} does not come from the CA with the fingerprint ${fingerprint}. Somebody may stand between: check the fingerprint that the server printed at its start.`,
          ),
        );
    });
  });
}

function noAnswer(timeoutMs: number): string {
  return `no answer within ${timeoutMs / 1000} s; if the cluster has no leader, nothing is answered that needs one: see \`strongroom status\` on each node`;
}

function chainOf(socket: TLSSocket): X509Certificate[] {
  const chain: X509Certificate[] = [];
  let next = socket.getPeerX509Certificate();
  while (next !== undefined && chain.length < CHAIN_LENGTH_MAX) {
    chain.push(next);
    next = next.issuerCertificate;
  }
  return chain;
}

async function readAll(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > BODY_BYTES_MAX)
      throw new RemoteError("The server's answer is larger than 64 MiB.", response.statusCode ?? 0);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

/** For commands whose exit code 2 is an answer: every failure is a 1. */
export function failingLocally<T>(answer: Promise<T>): Promise<T> {
  return answer.catch((error: unknown) => {
    if (error instanceof RequestPreview) throw error;
    throw new LocalError(asError(error).message, { cause: error });
  });
}

function parseBody(text: string): ApiBody | undefined {
  if (text.trim() === "") return undefined;
  try {
    const value = parseExactly(text);
    return typeof value === "object" && value !== null ? (value as ApiBody) : undefined;
  } catch {
    return undefined;
  }
}

function unreachable(connection: Connection, cause: Error): StrongroomError {
  if (cause instanceof StrongroomError) return cause;
  const code = "code" in cause ? String(cause.code) : "";
  if (/CERT|SELF_SIGNED|UNABLE_TO_VERIFY|ERR_TLS/.test(code)) {
    return new LocalError(
      `The certificate of ${connection.address.origin} cannot be trusted: ${cause.message}. Give its CA by -ca-cert or -ca-fingerprint (VAULT_CACERT, STRONGROOM_CA_FINGERPRINT).`,
      { cause },
    );
  }
  const next =
    code === "ECONNREFUSED" ? " Is the server running there? Set the address with -address or VAULT_ADDR." : "";
  return new RemoteError(`Cannot reach ${connection.address.origin}: ${cause.message || code}.${next}`, 0, { cause });
}

function hintFor(status: number, errors: readonly string[]): string | undefined {
  if (status === 503 && errors.some((error) => /sealed/i.test(error)))
    return "Open it with: strongroom operator unseal";
  if (status === 501) return "Set the cluster up with: strongroom operator init";
  if (status === 403) return "Is the right token in VAULT_TOKEN or ~/.vault-token? Try: strongroom token lookup";
  return undefined;
}
