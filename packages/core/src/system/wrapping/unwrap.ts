/** `sys/wrapping/unwrap`: gives what a wrapping token stands for, once. */
import { definePath, RawJson } from "@strongroom/logical";
import { SystemContext, type SystemPath, type SystemServices } from "../system-path.ts";
import { presentedToken, TOKEN_FIELD } from "./presented-token.ts";

export function unwrapPath({ wrapper }: SystemServices): SystemPath {
  const path = definePath({
    pattern: "wrapping/unwrap",
    fields: TOKEN_FIELD,
    operations: {
      update: {
        summary: "Unwrap an answer.",
        handler: (context, _request, fields) => {
          const own = SystemContext.of(context);
          const found = wrapper.find(own.transaction, presentedToken(own, fields.get("token")), own.nowMs);
          return { kind: "data", data: new RawJson(wrapper.unwrap(own.transaction, found)) };
        },
      },
    },
    synopsis: "Unwrap an answer: once, whoever asks on whatever node.",
    description:
      "The answer comes as it would have come without wrapping. Whoever finds the token used has to sound the alarm.",
  });
  return { path, access: "login", run: "transaction", reply: "verbatim" };
}
