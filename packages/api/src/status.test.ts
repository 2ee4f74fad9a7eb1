import { PermissionDeniedError } from "@strongroom/core";
import { LOGICAL_ERROR_STATUS, LogicalError, type LogicalErrorCode } from "@strongroom/logical";
import { StrongroomError } from "@strongroom/runtime";
import { DiskFullError, NotCommittedError, OutcomeUnknownError, UnavailableError } from "@strongroom/storage";
import { describe, expect, it } from "vitest";
import { GRPC_STATUS, wireStatus } from "./status.ts";

class CanaryError extends StrongroomError {
  readonly code = "canary";
}

describe("wireStatus", () => {
  it("gives each of an engine's errors the status that the engine's contract names", () => {
    for (const [code, status] of Object.entries(LOGICAL_ERROR_STATUS)) {
      const wire = wireStatus(new LogicalError(code as LogicalErrorCode, "why"));
      expect([code, wire.code, wire.http]).toEqual([code, code, status]);
      expect(wire.grpc, code).not.toBe(GRPC_STATUS.internal);
    }
  });

  it("tells what stands in the way of a change of membership", () => {
    class MembershipRefusal extends StrongroomError {
      readonly code = "last_voter";
    }
    expect(wireStatus(new MembershipRefusal("the cluster would end"))).toMatchObject({
      http: 400,
      text: "the cluster would end",
    });
  });

  it("tells a write that did not happen from one that may have", () => {
    expect(wireStatus(new NotCommittedError("m"))).toMatchObject({
      http: 503,
      grpc: GRPC_STATUS.aborted,
      text: "not_committed: m",
    });
    expect(wireStatus(new OutcomeUnknownError("m"))).toMatchObject({
      http: 500,
      grpc: GRPC_STATUS.unknown,
      text: "outcome_unknown: m",
    });
    expect(wireStatus(new DiskFullError("m"))).toMatchObject({
      http: 503,
      grpc: GRPC_STATUS.resourceExhausted,
      text: "disk_full: m",
    });
    expect(wireStatus(new UnavailableError("m"))).toMatchObject({ http: 503, grpc: GRPC_STATUS.unavailable });
    expect(wireStatus(new PermissionDeniedError())).toMatchObject({ http: 403, text: "permission denied" });
  });

  it("tells that another node, or the worker that handles the seal, cannot be reached now", () => {
    class CallError extends StrongroomError {
      readonly code: string;
      constructor(code: string) {
        super("try again");
        this.code = code;
      }
    }
    for (const code of ["peer_unavailable", "unserved"])
      expect(wireStatus(new CallError(code))).toMatchObject({ code, http: 503, text: "try again" });
  });

  it("says nothing of what it does not know", () => {
    const internal = { code: "internal", http: 500, grpc: GRPC_STATUS.internal, text: "internal error" };
    for (const error of [new CanaryError("s3cret"), new Error("s3cret"), "s3cret", undefined]) {
      expect(wireStatus(error)).toEqual(internal);
    }
  });
});
