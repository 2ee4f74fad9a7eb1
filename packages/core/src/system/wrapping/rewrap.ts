/** `sys/wrapping/rewrap`: a new wrapping token for what an old one stands for. */
import { definePath } from "@strongroom/logical";
import { SystemContext, type SystemPath, type SystemServices } from "../system-path.ts";
import { presentedToken, TOKEN_FIELD } from "./presented-token.ts";

export function rewrapPath({ wrapper }: SystemServices): SystemPath {
  const path = definePath({
    pattern: "wrapping/rewrap",
    fields: TOKEN_FIELD,
    operations: {
      update: {
        summary: "Wrap an answer anew.",
        handler: (context, _request, fields) => {
          const own = SystemContext.of(context);
          const found = wrapper.find(own.transaction, presentedToken(own, fields.get("token")), own.nowMs);
          own.answerWrap(wrapper.rewrap(own.transaction, found, own.nowMs));
          return { kind: "empty" };
        },
      },
    },
    synopsis: "Wrap an answer anew, for as long as it was wrapped at first.",
    description: "For what is kept wrapped for long: nobody sees what is inside, and the old token is used up.",
  });
  return { path, access: "policy", run: "transaction", reply: "envelope" };
}
