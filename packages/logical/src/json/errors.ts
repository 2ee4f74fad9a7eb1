import { LogicalError, type LogicalErrorCode } from "../errors.ts";

/** A body that is not JSON, or more JSON than is allowed. Tells where, never what: the text around the place may be a secret. */
export class JsonError extends LogicalError {
  /** Bytes from the document's start. */
  readonly offset: number;

  constructor(code: LogicalErrorCode, message: string, offset: number) {
    super(code, message);
    this.offset = offset;
  }
}
