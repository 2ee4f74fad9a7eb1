/** Reads a request's body, counted while it comes in: what exceeds the limit is refused before it is held. */
import type { IncomingMessage } from "node:http";
import { LogicalError } from "@strongroom/logical";
import { ClientGoneError, UnsupportedEncodingError } from "./errors.ts";
import type { RequestHeaders } from "./headers.ts";

export function hasBody(headers: RequestHeaders): boolean {
  return headers.chunked || (headers.contentLength ?? 0) > 0;
}

/** What can be refused without reading a byte. Throws `LogicalError` body_too_large and `UnsupportedEncodingError`. */
export function checkBodyHeaders(headers: RequestHeaders, maxBytes: number): void {
  if (headers.contentEncoding !== undefined && headers.contentEncoding.toLowerCase() !== "identity") {
    throw new UnsupportedEncodingError("a body with a Content-Encoding is not taken; send it as it is");
  }
  if ((headers.contentLength ?? 0) > maxBytes) throw tooLarge();
}

/** The whole body, in a buffer that nobody else holds. Throws `LogicalError` body_too_large and `ClientGoneError`. */
export function readBody(request: IncomingMessage, maxBytes: number): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    let chunks: Buffer[] = [];
    let length = 0;
    request.on("data", (chunk: Buffer) => {
      length += chunk.length;
      if (length <= maxBytes) {
        chunks.push(chunk);
        return;
      }
      chunks = [];
      // What still comes is thrown away by the close that follows the answer.
      request.pause();
      reject(tooLarge());
    });
    request.once("end", () => {
      const [only] = chunks;
      resolve(chunks.length === 1 && only !== undefined ? only : Buffer.concat(chunks, length));
    });
    request.once("close", () => {
      // Comes after every request: an error is made only where one is due.
      if (!request.complete) reject(new ClientGoneError("the connection closed before the request was complete"));
    });
    request.once("error", (cause) => reject(new ClientGoneError("the request could not be read", { cause })));
  });
}

function tooLarge(): LogicalError {
  return new LogicalError("body_too_large", "http: request body too large");
}
