/** The device `http`: lines in the bodies of POST requests; what is not answered with a 2xx comes again. */
import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import { DeviceFailedError } from "../errors.ts";
import { guardedLookup } from "./connection.ts";
import type { AuditDevice } from "./device.ts";
import type { DeviceTarget } from "./options.ts";

const TIMEOUT_MS = 10_000;

export class HttpDevice implements AuditDevice {
  readonly maxLineBytes: number = Number.POSITIVE_INFINITY;
  readonly settleMs = 0;
  readonly #url: URL;
  readonly #headers: Readonly<Record<string, string>>;
  #agent: HttpAgent;

  constructor({ uri, headers }: Extract<DeviceTarget, { readonly type: "http" }>) {
    this.#url = new URL(uri);
    this.#headers = headers;
    this.#agent = this.#makeAgent();
  }

  write(lines: readonly Uint8Array[], signal: AbortSignal): Promise<void> {
    const body = Buffer.concat(lines);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const request = (this.#url.protocol === "https:" ? httpsRequest : httpRequest)(
      this.#url,
      {
        method: "POST",
        agent: this.#agent,
        signal,
        timeout: TIMEOUT_MS,
        lookup: guardedLookup,
        headers: { ...this.#headers, "Content-Type": "application/x-ndjson", "Content-Length": body.length },
      },
      (response: IncomingMessage) => {
        const { statusCode = 0 } = response;
        response.resume();
        response.once("error", reject);
        response.once("end", () => {
          if (statusCode >= 200 && statusCode < 300) resolve();
          else reject(new DeviceFailedError(`the server answered with the status ${statusCode}`));
        });
      },
    );
    request.once("timeout", () => request.destroy(new DeviceFailedError(`no answer for ${TIMEOUT_MS} ms`)));
    request.once("error", reject);
    request.end(body);
    return promise;
  }

  reopen(): void {
    this.#agent.destroy();
    this.#agent = this.#makeAgent();
  }

  async close(): Promise<void> {
    this.#agent.destroy();
  }

  #makeAgent(): HttpAgent {
    const options = { keepAlive: true, maxSockets: 1 };
    return this.#url.protocol === "https:" ? new HttpsAgent(options) : new HttpAgent(options);
  }
}
