/** A handler of the server's own that runs once, without a transaction; its token has been checked. */
import { dispatch } from "@strongroom/logical";
import type { CoreResult } from "../request.ts";
import { systemResult } from "../result.ts";
import type { Commands } from "../token/token-revoker.ts";
import type { ResponseWrapper } from "../wrapping/response-wrapper.ts";
import type { Exchange, Outcome } from "./exchange.ts";
import { declaredOf } from "./target.ts";

export async function runEffect(
  exchange: Exchange,
  { target, asked, context }: Extract<Outcome, { readonly kind: "effect" }>,
  commands: Commands,
  wrapper: ResponseWrapper,
): Promise<CoreResult> {
  const response = await dispatch(target.backend, context, asked);
  const result = systemResult(response, target.mount.type, declaredOf(target).reply);
  const { request } = exchange;
  if (request.wrapTtlSeconds === undefined || !wrapper.wraps(result)) return result;
  exchange.unwrapped = result;
  return commands.write((tx) => wrapper.wrap(tx, result, { request, nowMs: context.nowMs }));
}
