/**
 * One HTTP request to one `CoreRequest` and back. It translates and decides nothing, besides what must be decided before
 * the core can be asked: the form of target, headers and body.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { pipeline } from "node:stream/promises";
import { type Core, type CoreRequest, type IncomingRequest, randomUuid } from "@strongroom/core";
import { LogicalError, type Operation } from "@strongroom/logical";
import { asError, type Clock, type Entropy, type Logger, type Timers } from "@strongroom/runtime";
import { wireStatus } from "../status.ts";
import { checkBodyHeaders, hasBody, readBody } from "./body.ts";
import { errorReply, type Reply, resultReply } from "./envelope.ts";
import { ClientGoneError, DoorRefusalError } from "./errors.ts";
import { formToJson, isForm } from "./form-body.ts";
import { BadHeaderError, headerValues, parseHeaders, type RequestHeaders } from "./headers.ts";
import { BadTargetError, parseQuery, parseTarget, type Query, queryBoolean } from "./target.ts";

export interface HandlerOptions {
  readonly maxRequestBytes: number;
  readonly maxRequestDurationMs: number;
  /** Answers only requests whose `Host` is this machine: a page on the web that resolves to loopback gets nothing. */
  readonly loopbackHostsOnly: boolean;
  /** Answers `sys/metrics` to anybody. */
  readonly openMetrics: (() => Promise<string>) | undefined;
  /** Sent with each answer over TLS. */
  readonly strictTransportSecurity: boolean;
}

export interface HandlerParts {
  readonly core: Pick<Core, "handle" | "checkToken" | "bodyRule" | "refused">;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly entropy: Entropy;
  readonly logger: Logger;
}

/** What anybody may send without a token, in bytes. More is read only after the token was found good. */
const UNAUTHENTICATED_BODY_BYTES = 64 * 1024;
const API_PREFIX = "/v1/";
const LOOPBACK_HOST = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d+)?$/i;
/** Of a request that failed: also where the body has to be Vault's to the byte, or is none, as HEAD's. */
export const REQUEST_ID_HEADER = "Strongroom-Request-Id";
const STRICT_TRANSPORT_SECURITY = "max-age=31536000; includeSubDomains";

export class HttpHandler {
  readonly #options: HandlerOptions;
  readonly #core: HandlerParts["core"];
  readonly #clock: Clock;
  readonly #timers: Timers;
  readonly #entropy: Entropy;
  readonly #logger: Logger;
  #closing = false;

  constructor(options: HandlerOptions, parts: HandlerParts) {
    this.#options = options;
    this.#core = parts.core;
    this.#clock = parts.clock;
    this.#timers = parts.timers;
    this.#entropy = parts.entropy;
    this.#logger = parts.logger;
  }

  /** From now on each answer ends its connection. */
  closeConnections(): void {
    this.#closing = true;
  }

  /** Answers; never rejects. `method` is the client's, before any shim. */
  async handle(request: IncomingMessage, response: ServerResponse, method: string): Promise<void> {
    const id = randomUuid(this.#entropy);
    const incoming = incomingOf(id, request);
    let headers: RequestHeaders | undefined;
    let reply: Reply;
    let malformed = false;
    try {
      headers = parseHeaders(request.rawHeaders);
      if (headers.host === undefined && request.httpVersion !== "1.0") {
        throw new BadHeaderError("the request has no Host header");
      }
      reply = await this.#answer(request, response, method, headers, incoming);
    } catch (thrown) {
      if (thrown instanceof ClientGoneError) {
        response.destroy();
        return;
      }
      malformed = thrown instanceof BadTargetError || thrown instanceof BadHeaderError;
      // What the core was asked it has recorded itself.
      reply = this.#refusal(incoming.asked ? thrown : await this.#core.refused(incoming, thrown), id);
    }
    // Nothing more is taken from who sends what no client sends, and what was not read of a body is not waited for.
    const close = this.#closing || malformed || !request.complete;
    this.#send(response, reply, id, close, headers?.namespaceHeader);
  }

  /** Answers 400 to what must not reach the core, and ends the connection. Never rejects. */
  async refuse(request: IncomingMessage, response: ServerResponse, text: string): Promise<void> {
    const incoming = incomingOf(randomUuid(this.#entropy), request);
    const error = await this.#core.refused(incoming, new DoorRefusalError(400, [text]));
    this.#send(response, this.#refusal(error, incoming.id), incoming.id, true, undefined);
  }

  /** Records what is no HTTP request, of which nothing is known but who sent it; gives the id under which it does. */
  recordUnparsed(socket: Socket, text: string): string {
    const { remoteAddress = "", remotePort = 0 } = socket;
    const id = randomUuid(this.#entropy);
    const incoming = { id, operation: "", path: "", namespace: "", remoteAddress, remotePort } as const;
    void this.#core.refused(incoming, new DoorRefusalError(400, [text]));
    return id;
  }

  async #answer(
    request: IncomingMessage,
    response: ServerResponse,
    method: string,
    headers: RequestHeaders,
    incoming: Incoming,
  ): Promise<Reply> {
    if (this.#options.loopbackHostsOnly && !LOOPBACK_HOST.test(headers.host ?? "")) {
      throw new DoorRefusalError(403, ["this server answers only requests to a loopback host name"]);
    }
    const target = parseTarget(request.url ?? "");
    if (!target.path.startsWith(API_PREFIX) || target.path.length === API_PREFIX.length) {
      throw new DoorRefusalError(404, []);
    }
    let path = target.path.slice(API_PREFIX.length);
    const query = parseQuery(target.query);
    const operation = operationOf(method, path, query);
    incoming.path = path;
    incoming.namespace = headers.namespace;
    if (operation === undefined) throw new DoorRefusalError(405, []);
    if (operation === "list" && !path.endsWith("/")) path += "/";
    const { openMetrics } = this.#options;
    if (openMetrics !== undefined && path === "sys/metrics" && operation === "read") {
      const text = Buffer.from(await openMetrics());
      return { status: 200, contentType: "text/plain; version=0.0.4; charset=utf-8", body: text };
    }
    const coreRequest: { -readonly [K in keyof CoreRequest]: CoreRequest[K] } = {
      ...incoming,
      operation,
      path,
      query,
      namespace: headers.namespace,
      deadlineMs: this.#clock.monotonicMs() + this.#options.maxRequestDurationMs,
    };
    if (headers.token !== undefined) coreRequest.token = Buffer.from(headers.token, "latin1");
    if (headers.contentType !== undefined) coreRequest.contentType = headers.contentType;
    if (headers.wrapTtlSeconds !== undefined) coreRequest.wrapTtlSeconds = headers.wrapTtlSeconds;
    if (headers.idempotencyKey !== undefined) coreRequest.idempotencyKey = headers.idempotencyKey;
    if (operation === "update" || operation === "patch") {
      incoming.operation = operation;
      if (coreRequest.token !== undefined) incoming.token = coreRequest.token;
      const body = await this.#body(request, response, headers, coreRequest);
      coreRequest.body = isForm(headers.contentType, body) ? formToJson(body) : body;
    }
    incoming.asked = true;
    return resultReply(await this.#core.handle(coreRequest), incoming.id);
  }

  /** A token comes before a large body, and before the go-ahead for any body that waits for one. What is not read gets none. */
  async #body(
    request: IncomingMessage,
    response: ServerResponse,
    headers: RequestHeaders,
    coreRequest: CoreRequest,
  ): Promise<Uint8Array> {
    if (!hasBody(headers)) return NO_BODY;
    const rule = this.#core.bodyRule(coreRequest.path);
    if (rule === "unread") return NO_BODY;
    const open = rule === "anybodys";
    const maxBytes = open ? UNAUTHENTICATED_BODY_BYTES : this.#options.maxRequestBytes;
    checkBodyHeaders(headers, maxBytes);
    const small = !headers.chunked && (headers.contentLength ?? 0) <= UNAUTHENTICATED_BODY_BYTES;
    if (!open && (!small || headers.expectContinue)) await this.#core.checkToken(coreRequest);
    if (headers.expectContinue) response.writeContinue();
    return readBody(request, maxBytes);
  }

  #refusal(error: unknown, id: string): Reply {
    if (error instanceof DoorRefusalError) return errorReply(error.status, error.texts, id);
    const status = wireStatus(error);
    // What the cluster cannot do at the moment is the client's to hear; what is broken is the operator's as well.
    if (status.http === 500 && !TOLD_ELSEWHERE.has(status.code)) {
      this.#logger.error("a request failed", { request: id, code: status.code, error: asError(error) });
    }
    return errorReply(status.http, [status.text], id);
  }

  #send(response: ServerResponse, reply: Reply, id: string, close: boolean, namespace: string | undefined): void {
    const headers = ["Cache-Control", "no-store"];
    if (reply.contentType !== undefined) headers.push("Content-Type", reply.contentType);
    if (reply.body !== undefined) headers.push("Content-Length", String(reply.body.length));
    if (this.#options.strictTransportSecurity) headers.push("Strict-Transport-Security", STRICT_TRANSPORT_SECURITY);
    if (namespace !== undefined) headers.push("X-Vault-Namespace", namespace);
    if (reply.headers !== undefined) headers.push(...[...reply.headers].flat());
    if (reply.status >= 400) headers.push(REQUEST_ID_HEADER, id);
    if (close) headers.push("Connection", "close");
    response.writeHead(reply.status, headers);
    if (reply.stream !== undefined) this.#stream(response, reply.stream);
    else if (close && !response.req.complete) this.#answerEarly(response, reply.body);
    else if (reply.body === undefined || reply.body.length > MAX_JOINED_BYTES) response.end(reply.body);
    // A string goes out in one piece with the headers; a buffer would be a second write.
    else response.end(reply.body.toString("latin1"), "latin1");
  }

  /**
   * Who still sends would meet the reset of a connection that is closed with bytes unread, and clients in Go then tell of a broken
   * pipe and not of the answer. So the connection stays a moment, in which nothing more is taken from it (RFC 9112 §9.6).
   */
  #answerEarly(response: ServerResponse, body: Buffer | undefined): void {
    response.req.socket.pause();
    if (body === undefined) response.flushHeaders();
    else response.write(body);
    const cancel = this.#timers.after(LINGER_MS, () => response.destroy());
    response.once("close", cancel);
  }

  /** At the client's pace. One that breaks off leaves the client with an answer that has no end, which it takes for a failure. */
  #stream(response: ServerResponse, stream: AsyncIterable<Uint8Array>): void {
    pipeline(stream, response).catch((error: unknown) => {
      this.#logger.warn("an answer broke off", { error: asError(error) });
      response.destroy();
    });
  }
}

/** Failures that are logged where they arise, once for all the requests that meet them. */
const TOLD_ELSEWHERE: ReadonlySet<string> = new Set(["outcome_unknown", "audit_unavailable", "audit_outcome_unknown"]);

/** What the audit is told of a request that gets no further than this door. */
interface Incoming extends IncomingRequest {
  operation: IncomingRequest["operation"];
  path: string;
  namespace: string;
  token?: Uint8Array;
  /** The core has it, and records it. */
  asked: boolean;
}

function incomingOf(id: string, request: IncomingMessage): Incoming {
  const { socket, rawHeaders } = request;
  return {
    id,
    operation: "",
    // Without the query, in which clients have been seen to send tokens.
    path: (request.url ?? "").split("?", 1)[0]?.slice(0, MAX_REFUSED_PATH) ?? "",
    namespace: "",
    remoteAddress: socket.remoteAddress ?? "",
    remotePort: socket.remotePort ?? 0,
    header: (name) => headerValues(rawHeaders, name),
    asked: false,
  };
}

const MAX_REFUSED_PATH = 1024;

/** For a client to hear an answer that comes before its request was complete: some round trips. */
const LINGER_MS = 500;

/** Of a body that is copied to be sent with its headers. */
const MAX_JOINED_BYTES = 64 * 1024;

const NO_BODY = new Uint8Array(0);

/** Takes the parameters that choose the operation out of `query`. Nothing for a method that no path has. */
function operationOf(method: string, path: string, query: Query): Operation | "help" | undefined {
  switch (method) {
    case "GET":
      return readOperation(query);
    case "HEAD":
      return path === "sys/health" ? "read" : undefined;
    case "LIST":
      return "list";
    case "POST":
    case "PUT":
      return "update";
    case "PATCH":
      return "patch";
    case "DELETE":
      return "delete";
    case "SCAN":
      throw new LogicalError("unsupported_operation", "unsupported operation");
    default:
      return undefined;
  }
}

function readOperation(query: Query): Operation | "help" {
  if (query.size === 0) return "read";
  const list = queryBoolean(query, "list");
  const scan = queryBoolean(query, "scan");
  if (list && scan) throw new BadTargetError('"list" and "scan" cannot both be true');
  if (scan) throw new LogicalError("unsupported_operation", "unsupported operation");
  const help = query.has("help");
  for (const name of ["list", "scan", "help"]) query.delete(name);
  return help ? "help" : list ? "list" : "read";
}
