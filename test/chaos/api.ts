/** A client of one node's HTTP door: plain JSON over kept connections, and errors as answers. */
import { Agent, request } from "node:http";

export interface Answer {
  /** 0: no answer came. */
  readonly status: number;
  /** The body, or what went wrong. */
  readonly text: string;
  readonly json: { readonly [name: string]: unknown; readonly data?: Readonly<Record<string, unknown>> | null };
  /** Nothing was sent: nobody listens. */
  readonly refused: boolean;
}

export interface Call {
  readonly method: "GET" | "PUT" | "POST";
  /** Below `/v1/`. */
  readonly path: string;
  readonly body?: unknown;
  readonly token?: string;
  readonly idempotencyKey?: string;
  readonly timeoutMs?: number;
}

const DEFAULT_TIMEOUT_MS = 6_000;

export class NodeApi {
  readonly #host: string;
  readonly #port: number;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 64 });

  constructor(host: string, port: number) {
    this.#host = host;
    this.#port = port;
  }

  /** Never throws. */
  send(call: Call): Promise<Answer> {
    const body = call.body === undefined ? undefined : JSON.stringify(call.body);
    const headers: Record<string, string> = {};
    if (call.token !== undefined) headers["X-Vault-Token"] = call.token;
    if (call.idempotencyKey !== undefined) headers["Idempotency-Key"] = call.idempotencyKey;
    if (body !== undefined) headers["Content-Length"] = String(Buffer.byteLength(body));
    return new Promise((resolve) => {
      const sent = request({
        host: this.#host,
        port: this.#port,
        agent: this.#agent,
        method: call.method,
        path: `/v1/${call.path}`,
        headers,
        signal: AbortSignal.timeout(call.timeoutMs ?? DEFAULT_TIMEOUT_MS),
      });
      const fail = (error: NodeJS.ErrnoException): void =>
        resolve({ status: 0, text: error.code ?? error.message, json: {}, refused: error.code === "ECONNREFUSED" });
      sent.on("error", fail);
      sent.on("response", (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("error", fail);
        response.on("end", () => {
          const text = Buffer.concat(chunks).toString();
          resolve({ status: response.statusCode ?? 0, text, json: parse(text), refused: false });
        });
      });
      sent.end(body);
    });
  }

  close(): void {
    this.#agent.destroy();
  }
}

function parse(text: string): Answer["json"] {
  try {
    return JSON.parse(text) as Answer["json"];
  } catch {
    return {};
  }
}
