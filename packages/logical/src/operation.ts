/** What a request wants of a path, in the words of policies: POST and PUT are `update` until the path's existence check makes them `create`. */
export type Operation = "read" | "list" | "create" | "update" | "patch" | "delete";

/** Every operation, in the order in which help and OpenAPI show them. */
export const OPERATIONS: readonly Operation[] = ["read", "list", "create", "update", "patch", "delete"];
