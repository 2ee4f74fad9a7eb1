/** `KvService`: each method is one request to the paths that the HTTP API has for it. */
import type { CoreResult } from "@strongroom/core";
import { DEFAULT_JSON_LIMITS, type JsonValue, LogicalError, parseJson, RawJson } from "@strongroom/logical";
import {
  create,
  type DeleteRequest,
  type DeleteResponse,
  DeleteResponseSchema,
  type GetMetadataRequest,
  type GetMetadataResponse,
  GetMetadataResponseSchema,
  type GetRequest,
  type GetResponse,
  GetResponseSchema,
  type ListRequest,
  type ListResponse,
  ListResponseSchema,
  type PutRequest,
  type PutResponse,
  PutResponseSchema,
  timestampFromMs,
  type Version,
  VersionSchema,
} from "@strongroom/proto";
import { assert, concatBytes, utf8 } from "@strongroom/runtime";
import type { Asker, Call, Question } from "./asker.ts";
import { GrpcRefusal } from "./errors.ts";
import { kvPath, secretPath } from "./kv-path.ts";
import {
  entriesOf,
  flagMember,
  isMembers,
  type Members,
  numberMember,
  objectMember,
  textMap,
  textMember,
} from "./members.ts";

export class KvHandlers {
  readonly #asker: Asker;

  constructor(asker: Asker) {
    this.#asker = asker;
  }

  async get(request: GetRequest, call: Call): Promise<GetResponse> {
    const path = secretPath(request.mount, "data", request.path);
    const query = request.version === undefined ? undefined : new Map([["version", [String(request.version)]]]);
    const result = await this.#ask(call, request, {
      operation: "read",
      path,
      ...(query === undefined ? undefined : { query }),
    });
    const answer = found(result);
    const data = answer["data"];
    assert(data === null || data instanceof RawJson, "a secret's data is kept as bytes");
    const version = versionOf(objectMember(answer, "metadata"));
    return create(GetResponseSchema, data === null ? { version } : { version, data: data.bytes });
  }

  async put(request: PutRequest, call: Call): Promise<PutResponse> {
    const path = secretPath(request.mount, "data", request.path);
    const { requestId } = request;
    const result = await this.#ask(call, request, { operation: "update", path, body: putBody(request), requestId });
    return create(PutResponseSchema, { version: versionOf(found(result)) });
  }

  async list(request: ListRequest, call: Call): Promise<ListResponse> {
    const directory = request.path === "" || request.path.endsWith("/") ? request.path : `${request.path}/`;
    const path = kvPath(request.mount, "metadata", directory);
    const result = await this.#ask(call, request, { operation: "list", path });
    if (result.kind === "not-found") return create(ListResponseSchema, {});
    const keys = found(result)["keys"];
    assert(Array.isArray(keys), "a list has keys");
    return create(ListResponseSchema, { keys: keys.map(String) });
  }

  async delete(request: DeleteRequest, call: Call): Promise<DeleteResponse> {
    const { requestId, versions } = request;
    if (versions.length === 0) {
      const path = secretPath(request.mount, "data", request.path);
      await this.#ask(call, request, { operation: "delete", path, requestId });
    } else {
      const path = secretPath(request.mount, "delete", request.path);
      const body = utf8(`{"versions":[${versions.join(",")}]}`);
      await this.#ask(call, request, { operation: "update", path, body, requestId });
    }
    return create(DeleteResponseSchema, {});
  }

  async getMetadata(request: GetMetadataRequest, call: Call): Promise<GetMetadataResponse> {
    const path = secretPath(request.mount, "metadata", request.path);
    const answer = found(await this.#ask(call, request, { operation: "read", path }));
    return create(GetMetadataResponseSchema, {
      currentVersion: BigInt(numberMember(answer, "current_version")),
      oldestVersion: BigInt(numberMember(answer, "oldest_version")),
      createdTime: timestampOf(textMember(answer, "created_time")),
      updatedTime: timestampOf(textMember(answer, "updated_time")),
      maxVersions: BigInt(numberMember(answer, "max_versions")),
      casRequired: flagMember(answer, "cas_required"),
      deleteVersionAfter: textMember(answer, "delete_version_after"),
      customMetadata: textMap(answer, "custom_metadata"),
      versions: entriesOf(answer, "versions")
        .map(([number, version]) => listedVersion(Number(number), version))
        .sort((a, b) => Number(a.number - b.number)),
    });
  }

  /** These messages are made of what a mount with versions answers, and of nothing else. */
  #ask(call: Call, { mount }: { readonly mount: string }, question: Question): Promise<CoreResult> {
    const mountPath = mount.endsWith("/") ? mount : `${mount}/`;
    return this.#asker.ask(call, { ...question, engine: { mountPath, type: "kv", version: "2" } });
  }
}

/**
 * `data` must be one object by itself: it is put between other members, and its bytes are not to close the body and open
 * another.
 */
function putBody({ data, cas }: PutRequest): Uint8Array {
  if (parseJson(data, DEFAULT_JSON_LIMITS).object() === undefined) {
    throw new LogicalError("invalid_request", "data must be a JSON object");
  }
  const options = cas === undefined ? "" : `"options":{"cas":${cas}},`;
  return concatBytes([utf8(`{${options}"data":`), data, utf8("}")]);
}

/** The answer's members; of a deleted version too, which HTTP answers with 404 and a body. */
function found(result: CoreResult): Members {
  if (result.kind === "not-found") throw new GrpcRefusal("not_found", "there is no such secret or version");
  const data = result.kind === "data" ? result.data : null;
  assert(data !== null && !(data instanceof RawJson), "the engine answers with members");
  return data;
}

function versionOf(metadata: Members): Version {
  return version(numberMember(metadata, "version"), metadata, textMap(metadata, "custom_metadata"));
}

function listedVersion(number: number, value: JsonValue): Version {
  assert(isMembers(value), "a version is an object");
  return version(number, value, {});
}

function version(number: number, times: Members, customMetadata: Record<string, string>): Version {
  const deletion = textMember(times, "deletion_time");
  return create(VersionSchema, {
    number: BigInt(number),
    createdTime: timestampOf(textMember(times, "created_time")),
    ...(deletion === "" ? undefined : { deletionTime: timestampOf(deletion) }),
    destroyed: flagMember(times, "destroyed"),
    customMetadata,
  });
}

function timestampOf(text: string): ReturnType<typeof timestampFromMs> {
  return timestampFromMs(Date.parse(text));
}
