/** Bytes to a socket and back: what no well-behaved client library would send. */
import { connect, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { nodeTimers } from "@strongroom/runtime/node";
import { LOCALHOST_CERTIFICATE } from "./localhost-certificate.ts";

export interface RawResponse {
  readonly status: number;
  readonly headers: string;
  readonly body: string;
}

export class RawClient {
  readonly #socket: Socket;
  #received: Buffer = Buffer.alloc(0);
  #closed = false;
  #wake: () => void = () => {};

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on("data", (chunk: Buffer) => {
      this.#received = Buffer.concat([this.#received, chunk]);
      this.#wake();
    });
    socket.on("close", () => {
      this.#closed = true;
      this.#wake();
    });
    socket.on("error", () => {});
  }

  static open(port: number, protocol: "http" | "https" = "http"): Promise<RawClient> {
    return new Promise((resolve, reject) => {
      const socket =
        protocol === "http"
          ? connect({ port, host: "127.0.0.1", noDelay: true }, () => resolve(client))
          : connectTls({ port, host: "127.0.0.1", ca: LOCALHOST_CERTIFICATE, servername: "localhost" }, () =>
              resolve(client),
            );
      socket.once("error", reject);
      const client = new RawClient(socket);
    });
  }

  /** Each part is a write of its own, sent when the one before has had time to arrive alone. */
  async send(...parts: readonly (string | Uint8Array)[]): Promise<void> {
    for (const [i, part] of parts.entries()) {
      if (i > 0) await new Promise<void>((resolve) => nodeTimers.after(4, resolve));
      await new Promise<void>((resolve) => {
        this.#socket.write(typeof part === "string" ? Buffer.from(part, "latin1") : part, () => resolve());
      });
    }
  }

  /** The next response; "100 Continue" counts as one. Undefined once the server has closed. */
  async response(): Promise<RawResponse | undefined> {
    for (;;) {
      const parsed = this.#parse();
      if (parsed !== undefined) return parsed;
      if (this.#closed) return undefined;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /** All responses until the server closes. */
  async rest(): Promise<readonly RawResponse[]> {
    const responses: RawResponse[] = [];
    for (;;) {
      const response = await this.response();
      if (response === undefined) return responses;
      responses.push(response);
    }
  }

  end(): void {
    this.#socket.end();
  }

  close(): void {
    this.#socket.destroy();
  }

  #parse(): RawResponse | undefined {
    const end = this.#received.indexOf("\r\n\r\n");
    if (end < 0) return undefined;
    const headers = this.#received.toString("latin1", 0, end);
    const length = Number(/^content-length: (\d+)$/im.exec(headers)?.[1] ?? 0);
    const total = end + 4 + length;
    if (this.#received.length < total) return undefined;
    const body = this.#received.toString("utf8", end + 4, total);
    this.#received = this.#received.subarray(total);
    return { status: Number(headers.slice(9, 12)), headers, body };
  }
}
