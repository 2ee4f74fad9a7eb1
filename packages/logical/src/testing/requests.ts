/** Requests and contexts for tests, as the core would make them. */

import { utf8 } from "@strongroom/runtime";
import { SeededRandom } from "@strongroom/runtime/testing";
import { parseJson } from "../json/scanner.ts";
import type { Operation } from "../operation.ts";
import type { Caller, LogicalRequest, RequestContext } from "../request.ts";
import { MemoryLogicalStorage } from "./memory-logical-storage.ts";

export interface TestRequest {
  readonly operation: Operation;
  readonly path: string;
  /** JSON text of an object. */
  readonly body?: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly contentType?: string;
  readonly remoteAddress?: string;
  readonly caller?: Caller;
}

/** A patch gets its content type unless another is given. */
export function testRequest(request: TestRequest): LogicalRequest {
  const { operation, path, body, query, contentType, remoteAddress = "127.0.0.1", caller } = request;
  return {
    id: "6f0b6a3e-0000-4000-8000-000000000000",
    operation,
    path,
    query: new Map(Object.entries(query ?? {}).map(([name, value]) => [name, [value]])),
    body: body === undefined ? undefined : parseJson(utf8(body)).object(),
    contentType: contentType ?? (operation === "patch" ? "application/merge-patch+json" : undefined),
    remoteAddress,
    ...(caller === undefined ? undefined : { caller }),
  };
}

/** Midnight, 1 January 2030, in an empty mount; the entropy begins anew with each context. */
export function testContext(overrides: Partial<RequestContext> = {}): RequestContext {
  return {
    storage: new MemoryLogicalStorage(),
    nowMs: Date.UTC(2030, 0, 1),
    entropy: new SeededRandom(1),
    mount: {
      path: "mount/",
      type: "test",
      accessor: "test_00000000",
      uuid: "00000000-0000-4000-8000-000000000000",
      options: new Map(),
      config: { defaultLeaseTtlSeconds: 0, maxLeaseTtlSeconds: 0 },
    },
    ...overrides,
  };
}
