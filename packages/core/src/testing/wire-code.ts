/** What came of a request, in one line: `ok`, or the error's code and message. */
import { StrongroomError } from "@strongroom/runtime";

/** Passes on what is no `StrongroomError`: a client must never meet one. */
export async function wireCode(answer: Promise<unknown>): Promise<string> {
  try {
    await answer;
    return "ok";
  } catch (error) {
    if (error instanceof StrongroomError) return `${error.code}: ${error.message}`;
    throw error;
  }
}
