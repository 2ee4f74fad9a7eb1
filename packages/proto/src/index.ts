/** Generated messages and service descriptors of the wire, and what joins them to grpc-js. */

export { create, fromBinary, toBinary } from "@bufbuild/protobuf";
export type {
  CallRequest,
  CallResponse,
  JoinRequest,
  JoinResponse,
  Member,
} from "./gen/strongroom/cluster/v1/control_pb.ts";
export {
  CallRequestSchema,
  CallResponseSchema,
  ControlService,
  JoinRequestSchema,
  JoinResponseSchema,
  MemberSchema,
} from "./gen/strongroom/cluster/v1/control_pb.ts";
export { GrpcClient, methodDefinition, serviceDefinition } from "./grpc.ts";
