/** `sys/wrapping/lookup`: where a wrapped answer comes from, without unwrapping it. */
import { type DataResponse, definePath, formatTimestamp, type RequestContext } from "@strongroom/logical";
import { SystemContext, type SystemPath, type SystemServices } from "../system-path.ts";
import { presentedToken, TOKEN_FIELD } from "./presented-token.ts";

export function wrappingLookupPath({ wrapper }: SystemServices): SystemPath {
  const lookup = (context: RequestContext, token: string | undefined): DataResponse => {
    const own = SystemContext.of(context);
    const found = wrapper.find(own.transaction, presentedToken(own, token), own.nowMs);
    return {
      kind: "data",
      data: {
        creation_path: found.creationPath,
        creation_time: formatTimestamp(found.creationTimeMs),
        creation_ttl: found.ttlSeconds,
      },
    };
  };
  const path = definePath({
    pattern: "wrapping/lookup",
    fields: TOKEN_FIELD,
    operations: {
      read: {
        summary: "Where the wrapped answer of this request's token comes from.",
        handler: (context) => lookup(context, undefined),
      },
      update: {
        summary: "Where a wrapped answer comes from.",
        handler: (context, _request, fields) => lookup(context, fields.get("token")),
      },
    },
    synopsis: "Where a wrapped answer comes from, and when; it stays wrapped.",
    description:
      "Who gets a wrapping token asks this first: a path that was not to be expected is a theft or a mistake.",
  });
  return { path, access: "login", run: "transaction", reply: "envelope" };
}
