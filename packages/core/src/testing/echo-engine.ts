/** An engine that answers with what it was given: for what passes between a client and an engine. */
import { type BackendFactory, defineBackend, definePath, type LogicalRequest } from "@strongroom/logical";

const echo = definePath({
  pattern: "echo",
  fields: {},
  operations: {
    read: { summary: "Answer with the request's headers.", handler: (_context, request) => answer(request) },
    update: { summary: "The same, as a write.", handler: (_context, request) => answer(request) },
  },
  takesArbitraryInput: true,
  synopsis: "The request's headers.",
  description: "Sets the headers X-Nonce, X-Torn and X-Other.",
});

function answer(request: LogicalRequest) {
  return {
    kind: "data",
    data: { headers: new Map([...(request.headers ?? [])].map(([name, values]) => [name, [...values]])) },
    headers: new Map([
      ["X-Nonce", `nonce-of-${request.path}`],
      ["X-Torn", "a\r\nSet-Cookie: b=c"],
      ["X-Other", "o"],
    ]),
  } as const;
}

/** Mounted as `type`, which is `echo` unless a test needs another name for it. */
export function echoEngine(type = "echo"): BackendFactory {
  return {
    type,
    category: "secret",
    create: () => defineBackend({ type, help: "Echoes.", paths: [echo] }),
  };
}
