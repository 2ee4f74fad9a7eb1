/** `sys/storage/raft/join-token`: an invitation for one node. */
import { definePath, LogicalError } from "@strongroom/logical";
import { textJson } from "../secret-json.ts";
import { SystemContext, type SystemPath, type SystemServices } from "./system-path.ts";

const DEFAULT_TTL_SECONDS = 600;
const MAX_TTL_SECONDS = 86_400;

export function raftJoinTokenPath({ dependencies }: SystemServices): SystemPath {
  const path = definePath({
    pattern: "storage/raft/join-token",
    fields: {
      ttl: { type: "duration", description: "How long it is good for; at most a day.", default: DEFAULT_TTL_SECONDS },
      name: { type: "string", description: "The only node name that it is good for." },
      cidr: { type: "string", description: "The only source addresses that it is good for." },
      open: { type: "bool", description: "The node that joins is unsealed at once.", default: false },
    },
    operations: {
      update: {
        summary: "Make a join token.",
        handler: async (context, _request, fields) => {
          const ttlSeconds = fields.get("ttl");
          if (ttlSeconds < 1 || ttlSeconds > MAX_TTL_SECONDS) {
            throw new LogicalError("invalid_field", `ttl must lie between 1 s and ${MAX_TTL_SECONDS} s`);
          }
          const nodeName = fields.get("name");
          const cidr = fields.get("cidr");
          const { token, expiresAtMs } = await dependencies.cluster.createJoinToken({
            ttlSeconds,
            ...(nodeName === undefined ? {} : { nodeName }),
            ...(cidr === undefined ? {} : { cidr }),
            open: fields.get("open"),
            deadlineMs: SystemContext.of(context).request.deadlineMs,
          });
          const data = { token: textJson(token.expose()), expiration: new Date(expiresAtMs).toISOString() };
          token.wipe();
          return { kind: "data", data };
        },
      },
    },
    synopsis: "Make a join token.",
    description: "Good for one node. Its HMAC is stored, the token itself is not.",
  });
  return { path, access: "sudo", run: "effect", reply: "envelope" };
}
