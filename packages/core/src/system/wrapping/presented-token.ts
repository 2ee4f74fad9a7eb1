/** Which wrapping token a request is about: the one in its body, else the one that it came with. */
import { utf8 } from "@strongroom/runtime";
import { notAWrappingToken } from "../../wrapping/response-wrapper.ts";
import type { SystemContext } from "../system-path.ts";

export const TOKEN_FIELD = {
  token: { type: "string", description: "The wrapping token; without it, the one of this request." },
} as const;

/** Throws `LogicalError` where there is neither. */
export function presentedToken({ request }: SystemContext, inBody: string | undefined): Uint8Array {
  if (inBody !== undefined && inBody !== "") return utf8(inBody);
  if (request.token === undefined) throw notAWrappingToken();
  return request.token;
}
