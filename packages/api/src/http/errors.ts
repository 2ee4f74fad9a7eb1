/** Refusals that only HTTP knows. */
import { StrongroomError } from "@strongroom/runtime";

/** The body has a `Content-Encoding`: nothing is unpacked here. */
export class UnsupportedEncodingError extends StrongroomError {
  readonly code = "unsupported_encoding";
}

/** The client went away, or was too slow, before its request was complete. Nobody is left to be told. */
export class ClientGoneError extends StrongroomError {
  readonly code = "client_gone";
}
