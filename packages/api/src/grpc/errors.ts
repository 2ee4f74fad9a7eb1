/** Refusals that only gRPC knows: HTTP has other words for them, or none. */
import { status } from "@grpc/grpc-js";
import { StrongroomError } from "@strongroom/runtime";

export type GrpcRefusalCode = "missing_token" | "bad_metadata" | "not_found";

const STATUS: Readonly<Record<GrpcRefusalCode, status>> = {
  missing_token: status.UNAUTHENTICATED,
  bad_metadata: status.INVALID_ARGUMENT,
  not_found: status.NOT_FOUND,
};

export class GrpcRefusal extends StrongroomError {
  readonly code: GrpcRefusalCode;

  constructor(code: GrpcRefusalCode, message: string) {
    super(message);
    this.code = code;
  }

  get grpcStatus(): status {
    return STATUS[this.code];
  }
}
