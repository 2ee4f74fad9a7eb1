/** A version 2 mount in memory, spoken to as over HTTP: what the tests of this engine arrange and act with. */
import {
  type Backend,
  dispatch,
  encodeJson,
  type JsonValue,
  LogicalError,
  type LogicalResponse,
  resolveOperation,
} from "@strongroom/logical";
import { MemoryLogicalStorage, type TestRequest, testContext, testRequest } from "@strongroom/logical/testing";
import { assert, fromUtf8 } from "@strongroom/runtime";
import { kvFactory } from "../backend.ts";

export interface Answer {
  readonly status: number;
  /** The reply's `data` as JSON text, a list's as `{"keys":…}`; "" when there is none. */
  readonly text: string;
  readonly warnings: readonly string[];
  /** What an error says. */
  readonly error?: string;
}

export const START_MS: number = Date.UTC(2030, 0, 1, 12);

/** `START_MS` as it is printed. */
export const NOON = "2030-01-01T12:00:00Z";

/** Two writes for `mountWith` and `ask`. */
export const PUT_ONE: readonly [string, unknown] = ["POST data/foo", { data: { a: 1 } }];
export const PUT_TWO: readonly [string, unknown] = ["POST data/foo", { data: { a: 2 } }];

/** What is told of a version made at noon. */
export function versionReply(number: number, more: object = {}): object {
  return { created_time: NOON, custom_metadata: null, deletion_time: "", destroyed: false, version: number, ...more };
}

/** A mount after `requests`, all of which succeed. */
export async function mountWith(...requests: readonly (readonly [string, unknown?])[]): Promise<KvMount> {
  const mount = new KvMount();
  for (const [request, body] of requests) {
    const { status, error } = await mount.ask(request, body);
    assert(status < 300, `${request}: ${error}`);
  }
  return mount;
}

export class KvMount {
  readonly storage: MemoryLogicalStorage = new MemoryLogicalStorage();
  nowMs: number = START_MS;
  #options: ReadonlyMap<string, string>;
  #backend: Backend;

  constructor(version: "1" | "2" = "2") {
    this.#options = new Map([["version", version]]);
    this.#backend = kvFactory.create({ type: "kv", options: this.#options });
  }

  /** Throws `LogicalError`. */
  tune(version: string): void {
    this.#options =
      kvFactory.retune?.(this.#options, new Map([...this.#options, ["version", version]])) ?? this.#options;
    this.#backend = kvFactory.create({ type: "kv", options: this.#options });
  }

  /** `request` is "POST data/foo" and so on; `body` is JSON text, or a value to make it of. */
  async ask(request: string, body?: unknown, query?: TestRequest["query"]): Promise<Answer> {
    const [verb = "", path = ""] = request.split(/ (.*)/s);
    const text = body === undefined || typeof body === "string" ? body : JSON.stringify(body);
    try {
      return toAnswer(
        await this.#run(verb, { path, ...(text === undefined ? {} : { body: text }), ...(query && { query }) }),
      );
    } catch (thrown) {
      if (!(thrown instanceof LogicalError)) throw thrown;
      return { status: thrown.status, text: "", warnings: [], error: thrown.message };
    }
  }

  /** The reply's data, parsed. */
  async data(request: string, body?: unknown, query?: TestRequest["query"]): Promise<unknown> {
    const { text } = await this.ask(request, body, query);
    return text === "" ? undefined : JSON.parse(text);
  }

  #run(verb: string, parts: Omit<TestRequest, "operation">): LogicalResponse | Promise<LogicalResponse> {
    const plain = testContext();
    const mount = { ...plain.mount, options: this.#options };
    const context = { ...plain, mount, storage: this.storage, nowMs: this.nowMs };
    const request = testRequest({ operation: OPERATIONS[verb] ?? "read", ...parts });
    const operation = resolveOperation(this.#backend.route(request.path), context, request);
    return dispatch(this.#backend, context, { ...request, operation });
  }
}

const OPERATIONS: Readonly<Record<string, TestRequest["operation"]>> = {
  GET: "read",
  LIST: "list",
  POST: "update",
  PUT: "update",
  PATCH: "patch",
  DELETE: "delete",
};

function toAnswer(response: LogicalResponse): Answer {
  const warnings = response.warnings ?? [];
  switch (response.kind) {
    case "data":
      return { status: response.status ?? 200, text: render(response.data), warnings };
    case "list":
      return { status: 200, text: render({ keys: response.keys }), warnings };
    case "empty":
      return { status: warnings.length > 0 ? 200 : 204, text: "", warnings };
    case "not-found":
      return { status: 404, text: "", warnings };
    case "auth":
    case "refusal":
    case "stream":
      throw new Error("the engine grants no tokens and sends no files");
  }
}

function render(value: JsonValue): string {
  return fromUtf8(encodeJson(value));
}
