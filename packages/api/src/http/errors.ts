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

/** Refused before the core could be asked, for something that is no fault in a header or target. */
export class DoorRefusalError extends StrongroomError {
  readonly code = "refused_at_the_door";
  readonly status: number;
  readonly texts: readonly string[];

  constructor(status: number, texts: readonly string[]) {
    super(texts[0] ?? `answered with ${status}`);
    this.status = status;
    this.texts = texts;
  }
}
