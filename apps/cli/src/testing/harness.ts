/** Runs command lines against a scripted HTTP server and a terminal in memory. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { main } from "../main.ts";
import type { Terminal } from "../terminal.ts";

interface SeenRequest {
  readonly method: string;
  /** With its query, as it came. */
  readonly url: string;
  readonly headers: NodeJS.Dict<string | string[]>;
  readonly body: string;
}

export interface Result {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

export interface RunOptions {
  readonly environment?: Readonly<Record<string, string>>;
  /** Standard input. */
  readonly input?: string;
  /** What is typed at a hidden prompt. */
  readonly typed?: string;
  readonly interactive?: boolean;
}

/** Answers by "METHOD /v1/path": a status and a body, JSON unless it is a text. */
export type Routes = Readonly<Record<string, readonly [status: number, body?: unknown]>>;

export interface Harness {
  readonly address: string;
  readonly seen: SeenRequest[];
  routes: Routes;
  run(args: readonly string[], options?: RunOptions): Promise<Result>;
  close(): Promise<void>;
}

export async function startHarness(routes: Routes = {}): Promise<Harness> {
  const seen: SeenRequest[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const { method = "", url = "", headers } = request;
      seen.push({ method, url, headers, body: Buffer.concat(chunks).toString() });
      const [status, body] = harness.routes[`${method} ${url.split("?")[0]}`] ?? [404, { errors: [] }];
      response.writeHead(status, { "Content-Type": "application/json" });
      response.end(body === undefined ? undefined : typeof body === "string" ? body : JSON.stringify(body));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const harness: Harness = {
    address,
    seen,
    routes,
    run: (args, options = {}) =>
      run(args, { ...options, environment: { VAULT_ADDR: address, VAULT_TOKEN: "hvs.test", ...options.environment } }),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return harness;
}

/** Runs one command line with nothing but what is given. */
export async function run(args: readonly string[], options: RunOptions = {}): Promise<Result> {
  const printed = { out: "", err: "" };
  const terminal: Terminal = {
    out: (text) => {
      printed.out += text;
    },
    error: (text) => {
      printed.err += text;
    },
    interactive: options.interactive ?? false,
    readInput: async () => Buffer.from(options.input ?? ""),
    promptHidden: async (question) => {
      printed.err += question;
      return options.typed ?? "";
    },
  };
  const environment = { HOME: "/nonexistent", ...options.environment };
  const code = await main(args, { terminal, environment });
  return { code, ...printed };
}
