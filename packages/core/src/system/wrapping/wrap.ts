/** `sys/wrapping/wrap`: wraps what the client sends. */
import { definePath, LogicalError, RawJson } from "@strongroom/logical";
import { SystemContext, type SystemPath, type SystemServices } from "../system-path.ts";

export function wrapPath(_services: SystemServices): SystemPath {
  const path = definePath({
    pattern: "wrapping/wrap",
    fields: {},
    takesArbitraryInput: true,
    operations: {
      update: {
        summary: "Wrap a JSON object.",
        handler: (context, request) => {
          if (SystemContext.of(context).request.wrapTtlSeconds === undefined) {
            throw new LogicalError("invalid_request", "endpoint requires response wrapping to be used");
          }
          return { kind: "data", data: request.body === undefined ? {} : new RawJson(request.body.bytes().slice()) };
        },
      },
    },
    synopsis: "Wrap a JSON object.",
    description: "Needs X-Vault-Wrap-TTL. What is sent comes back as it was to whoever unwraps it.",
  });
  return { path, access: "policy", run: "transaction", reply: "envelope" };
}
