/** A node in memory behind a real listener on loopback, with KV at `secret/`. */
import { TestNode } from "@strongroom/core/testing";
import type { BackendFactory } from "@strongroom/logical";
import { silentLogger, type Timers } from "@strongroom/runtime";
import { nodeTimers } from "@strongroom/runtime/node";
import { type HttpServer, type HttpServerOptions, startHttpServer } from "../server.ts";
import { LOCALHOST_CERTIFICATE, LOCALHOST_KEY } from "./localhost-certificate.ts";
import { RawClient, type RawResponse } from "./raw-client.ts";

export interface TestServer {
  readonly node: TestNode;
  readonly server: HttpServer;
  readonly port: number;
  open(): Promise<RawClient>;
  /** One request on a connection of its own, with the root token unless told otherwise. */
  request(method: string, target: string, options?: RequestOptions): Promise<RawResponse>;
  close(): Promise<void>;
}

interface RequestOptions {
  readonly token?: string | null;
  readonly body?: string | Uint8Array;
  readonly headers?: readonly string[];
}

/** `kv` is the engine that hangs at `secret/`. */
export async function startTestServer(
  kv: BackendFactory,
  options: Partial<HttpServerOptions> & { protocol?: "http" | "https"; initialize?: boolean; timers?: Timers } = {},
): Promise<TestServer> {
  const { protocol = "http", initialize = true, timers = nodeTimers, ...rest } = options;
  const node = new TestNode([kv]);
  if (initialize) {
    await node.initialize();
    await node.call("update", "sys/mounts/secret", { body: { type: "kv", options: { version: "2" } } });
  }
  const tls = protocol === "https" ? { tls: { cert: LOCALHOST_CERTIFICATE, key: LOCALHOST_KEY } } : undefined;
  const { clock, entropy } = node.dependencies;
  const server = await startHttpServer(
    { host: "127.0.0.1", port: 0, ...tls, ...rest },
    { core: node.core, clock, timers, entropy, logger: silentLogger },
  );
  const { port } = server.address;
  const open = (): Promise<RawClient> => RawClient.open(port, protocol);
  return {
    node,
    server,
    port,
    open,
    request: async (method, target, { token = node.rootToken, body, headers = [] } = {}) => {
      const client = await open();
      const lines = [`${method} ${target} HTTP/1.1`, "Host: localhost", ...headers];
      if (token !== null) lines.push(`X-Vault-Token: ${token}`);
      if (body !== undefined) lines.push(`Content-Length: ${Buffer.byteLength(body)}`);
      await client.send(Buffer.concat([Buffer.from(`${lines.join("\r\n")}\r\n\r\n`), Buffer.from(body ?? "")]));
      const response = await client.response();
      client.close();
      if (response === undefined) throw new Error("the server closed without an answer");
      return response;
    },
    close: async () => {
      await server.close(0);
      await node.core.close();
    },
  };
}
