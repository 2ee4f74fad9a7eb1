/** Generated messages and service descriptors of the wire, and what joins them to grpc-js. */

export type { DescMessage, DescMethod, MessageInitShape, MessageShape } from "@bufbuild/protobuf";
export { create, fromBinary, toBinary } from "@bufbuild/protobuf";
export { timestampDate, timestampFromMs } from "@bufbuild/protobuf/wkt";
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
export type {
  DeleteRequest,
  DeleteResponse,
  GetMetadataRequest,
  GetMetadataResponse,
  GetRequest,
  GetResponse,
  ListRequest,
  ListResponse,
  PutRequest,
  PutResponse,
  Version,
} from "./gen/strongroom/v1/kv_pb.ts";
export {
  DeleteResponseSchema,
  GetMetadataResponseSchema,
  GetResponseSchema,
  KvService,
  ListResponseSchema,
  PutResponseSchema,
  VersionSchema,
} from "./gen/strongroom/v1/kv_pb.ts";
export type {
  SealState,
  SealStatusRequest,
  SealStatusResponse,
  StatusRequest,
  StatusResponse,
  UnsealRequest,
  UnsealResponse,
} from "./gen/strongroom/v1/sys_pb.ts";
export {
  SealStateSchema,
  SealStatusResponseSchema,
  StatusResponseSchema,
  SysService,
  UnsealResponseSchema,
} from "./gen/strongroom/v1/sys_pb.ts";
export { GrpcClient, methodDefinition, serviceDefinition } from "./grpc.ts";
