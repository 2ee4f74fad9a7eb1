/** `auth/token/accessors`: the accessors of all tokens. Who has them can look up and revoke, so it takes sudo. */

import { ListTooLargeError } from "@strongroom/barrier";
import { definePath, listResponse } from "@strongroom/logical";
import { ACCESSOR_RANGE } from "../../token/token-keys.ts";
import { SystemContext, type SystemPath, type SystemServices } from "../system-path.ts";

const PAGE = 512;
const MOST = 100_000;

export function tokenAccessorsPath({ tokens }: SystemServices): SystemPath {
  const path = definePath({
    pattern: "accessors",
    fields: {},
    operations: {
      list: {
        summary: "The accessors of all tokens.",
        handler: async (context) => {
          const { transaction, nowMs } = SystemContext.of(context);
          const accessors: string[] = [];
          const rows = transaction.iterate(ACCESSOR_RANGE);
          try {
            for (let page = await rows.next(PAGE); page.length > 0; page = await rows.next(PAGE)) {
              if (accessors.length + page.length > MOST) throw new ListTooLargeError(MOST);
              for (const { key, row } of page) {
                const { hash, accessor } = tokens.store.openAccessor(key, row);
                const entry = tokens.store.live(transaction, hash, "read", nowMs);
                if (entry !== undefined) accessors.push(accessor === "" ? entry.accessor : accessor);
              }
            }
          } finally {
            await rows.close();
          }
          return listResponse(accessors.sort());
        },
      },
    },
    synopsis: "The accessors of all tokens.",
    description: "An accessor is no token, and serves to look one up, renew it and revoke it.",
  });
  return { path, access: "sudo", run: "transaction", reply: "envelope" };
}
