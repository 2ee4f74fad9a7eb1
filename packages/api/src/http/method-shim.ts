/**
 * Lets `LIST` and `SCAN` through Node's HTTP parser, which knows neither. The shim stands between socket and parser. Where a
 * request must begin, it replaces the method's name by one that the parser knows (`CARRIER_METHOD`) and remembers what
 * stood there; everywhere else it passes bytes on untouched, so the parser alone decides where messages end, and a
 * `LIST` anywhere else is the syntax error that it is to Node.
 *
 * That a request must begin is not reckoned here (no lengths, no headers are read: a second opinion on framing is what
 * request smuggling lives on) but proven by the parser. Each chunk is handed over in two steps, all but its last byte and
 * the last byte. If that last byte completed a message, none followed it, and the parser stands at a boundary. It still
 * does when the next chunk comes, since nothing was passed on in between. Three conditions then: a message completed by the
 * last byte passed on; its response ended; no request ever overtook a response on this connection. Clients that pipeline
 * get a 400 for `LIST`, as they would from Node.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { assert } from "@strongroom/runtime";

/** Carries a shimmed method through the parser. A client that sends it itself is refused (`admit`). */
const CARRIER_METHOD = "SOURCE";

const CARRIER = Buffer.from(`${CARRIER_METHOD} `, "latin1");
const SHIMMED: readonly { readonly method: "LIST" | "SCAN"; readonly bytes: Buffer }[] = [
  { method: "LIST", bytes: Buffer.from("LIST ", "latin1") },
  { method: "SCAN", bytes: Buffer.from("SCAN ", "latin1") },
];
const NOTHING = Buffer.alloc(0);

interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly shimmed: boolean;
}

/** What `admit` found: the method as the client sent it, or why the request must be refused with the connection closed. */
export type Admission = { readonly method: string } | { readonly refusal: string };

export class MethodShim {
  readonly #socket: Socket;
  readonly #toParser: (chunk: Buffer) => void;
  /** Fewer bytes than a shimmed method has, seen where a request must begin; not yet passed on. */
  #held: Buffer = NOTHING;
  #atBoundary = true;
  #overtaken = false;
  #refusing = false;
  #newest: Exchange | undefined;
  #carried: "LIST" | "SCAN" | undefined;

  /**
   * Puts a shim before the parser that `http.Server` has just attached to `socket`. Call it in a `connection` (TLS:
   * `secureConnection`) listener that was added after the server was created.
   */
  constructor(socket: Socket) {
    this.#socket = socket;
    const listeners = socket.listeners("data") as ((chunk: Buffer) => void)[];
    const [parserListener] = listeners;
    assert(parserListener !== undefined && listeners.length === 1, "the HTTP parser, and it alone, reads the socket");
    this.#toParser = parserListener;
    socket.removeListener("data", parserListener);
    // Adding a listener for data also ends the shortcut in which the parser reads the handle without a stream between.
    socket.on("data", (chunk: Buffer) => this.#receive(chunk));
    socket.prependListener("end", () => this.#release());
  }

  /** Closes the connection if a request was answered on it and nothing of another has come. */
  closeBetweenRequests(): void {
    const answered = this.#newest?.response.writableFinished === true;
    if (answered && this.#atBoundary && this.#held.length === 0) this.#socket.destroy();
  }

  /** Must be called once for each request that the parser emits, in order, before anything else is done with it. */
  admit(request: IncomingMessage, response: ServerResponse): Admission {
    const previous = this.#newest;
    const pipelined = previous !== undefined && !previous.response.writableEnded;
    if (pipelined) this.#overtaken = true;
    const carried = this.#carried;
    this.#carried = undefined;
    this.#newest = { request, response, shimmed: carried !== undefined };
    if (pipelined && previous.shimmed) return { refusal: "a request may not follow LIST before its response" };
    if (carried === undefined) {
      return request.method === CARRIER_METHOD ? { refusal: "unknown method" } : { method: request.method ?? "" };
    }
    if (request.method !== CARRIER_METHOD || pipelined) return { refusal: "LIST may not be pipelined" };
    const { headers } = request;
    if (headers["transfer-encoding"] !== undefined || (headers["content-length"] ?? "0") !== "0") {
      return { refusal: `${carried} has no body` };
    }
    return { method: carried };
  }

  /**
   * Passes nothing on any more, since what came last is not HTTP, and calls `answer` when it is the next to be answered:
   * behind the response under way, or in place of the one whose request will never be complete now.
   */
  refuseFurther(answer: () => void): void {
    if (this.#refusing) return;
    this.#refusing = true;
    const newest = this.#newest;
    if (newest === undefined || newest.response.writableFinished || newest.response.destroyed) answer();
    else if (newest.request.complete) newest.response.once("close", answer);
    else if (newest.response.headersSent || this.#overtaken) this.#socket.destroy();
    else answer();
  }

  #receive(chunk: Buffer): void {
    if (this.#refusing) return;
    if (!this.#atBoundary || this.#overtaken || this.#newest?.response.writableEnded === false) {
      this.#pass(chunk);
      return;
    }
    const bytes = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
    this.#held = NOTHING;
    for (const { method, bytes: name } of SHIMMED) {
      const length = Math.min(name.length, bytes.length);
      if (name.compare(bytes, 0, length, 0, length) !== 0) continue;
      if (length < name.length) {
        this.#held = Buffer.from(bytes);
        return;
      }
      this.#carried = method;
      this.#toParser(CARRIER);
      this.#atBoundary = false;
      const rest = bytes.subarray(name.length);
      if (rest.length > 0) this.#pass(rest);
      return;
    }
    this.#pass(bytes);
  }

  #pass(chunk: Buffer): void {
    const last = chunk.length - 1;
    if (last > 0) this.#toParser(chunk.subarray(0, last));
    // What was wrong in the first part has ended the connection, or stopped the shim, already.
    if (this.#refusing || this.#socket.destroyed) return;
    const before = this.#newest;
    const completeBefore = before?.request.complete;
    this.#toParser(chunk.subarray(last));
    const after = this.#newest;
    this.#atBoundary = after?.request.complete === true && (after !== before || completeBefore !== true);
  }

  /** The client has sent its last byte: what is held back was no method of ours. */
  #release(): void {
    if (this.#held.length === 0 || this.#refusing) return;
    const held = this.#held;
    this.#held = NOTHING;
    this.#pass(held);
  }
}
