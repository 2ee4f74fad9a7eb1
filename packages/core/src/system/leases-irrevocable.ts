/** `sys/leases` and `sys/leases/count`: leases that could not be revoked. `sys/leases/tidy`: a check of all. */
import { definePath, type FieldSchemas, type JsonValue, LogicalError } from "@strongroom/logical";
import type { KeyedRow, Transaction } from "@strongroom/storage";
import { irrevocableRange, mountUuidOf } from "../lease/lease-keys.ts";
import { leaseIdOf } from "../lease/lease-paths.ts";
import { addLeaseTask } from "../lease/lease-tasks.ts";
import { SystemContext, type SystemPath, type SystemServices } from "./system-path.ts";

const FIELDS = {
  type: { type: "string", description: 'Only "irrevocable".', default: "irrevocable" },
  include_child_namespaces: { type: "bool", description: "Ignored: there is one namespace.", default: false },
} as const satisfies FieldSchemas;

const ROWS_PER_PAGE = 1000;
const MAX_LISTED = 10_000;

export function leasesPath({ leases, mounts }: SystemServices): SystemPath {
  const path = definePath({
    pattern: "leases",
    fields: { ...FIELDS, limit: { type: "int", description: "How many to show at most.", default: MAX_LISTED } },
    operations: {
      read: {
        summary: "Irrevocable leases.",
        handler: async (context, _request, fields) => {
          checkType(fields.get("type"));
          const limit = Math.min(MAX_LISTED, Math.max(0, fields.get("limit")));
          const { transaction } = SystemContext.of(context);
          const table = mounts.table(transaction, "read");
          const shown: JsonValue[] = [];
          let count = 0;
          for await (const row of irrevocableRows(transaction)) {
            if (count++ >= limit) continue;
            const ref = leases.rows.refOf(row);
            const error = leases.rows.get(transaction, ref)?.error ?? "";
            shown.push({ error, lease_id: leaseIdOf(table, ref) });
          }
          const data = { lease_count: count, leases: shown };
          if (shown.length === count) return { kind: "data", data };
          return { kind: "data", data, warnings: [`${count - shown.length} more are not shown`] };
        },
      },
    },
    synopsis: "Leases that could not be revoked.",
    description: "They were tried six times. Revoke them again when what was wrong is mended, or by force.",
  });
  return { path, access: "sudo", run: "transaction", reply: "envelope" };
}

export function leasesCountPath({ mounts }: SystemServices): SystemPath {
  const path = definePath({
    pattern: "leases/count",
    fields: FIELDS,
    operations: {
      read: {
        summary: "How many leases are irrevocable.",
        handler: async (context, _request, fields) => {
          checkType(fields.get("type"));
          const { transaction } = SystemContext.of(context);
          const { state, token } = mounts.table(transaction, "read");
          const accessors = new Map(
            [...state.mounts, ...state.closing, token.entry].map(({ uuid, accessor }) => [uuid, accessor]),
          );
          const counts = new Map<string, number>();
          let total = 0;
          for await (const { key } of irrevocableRows(transaction)) {
            const accessor = accessors.get(mountUuidOf(key)) ?? "";
            counts.set(accessor, (counts.get(accessor) ?? 0) + 1);
            total++;
          }
          return { kind: "data", data: { counts: Object.fromEntries(counts), lease_count: total } };
        },
      },
    },
    synopsis: "How many leases could not be revoked.",
    description: "By the accessor of their mount.",
  });
  return { path, access: "policy", run: "transaction", reply: "envelope" };
}

export function leasesTidyPath({ dependencies }: SystemServices): SystemPath {
  const path = definePath({
    pattern: "leases/tidy",
    fields: {},
    operations: {
      update: {
        summary: "Check all leases.",
        handler: (context) => {
          const { transaction, entropy } = SystemContext.of(context);
          addLeaseTask(transaction, dependencies.barrier, { type: "tidy" }, entropy);
          const warnings = [
            "Tidy operation successfully started. Any information from the operation will be printed to the server logs.",
          ];
          return { kind: "empty", status: 202, warnings };
        },
      },
    },
    synopsis: "Check all leases.",
    description: "Ends those whose token is gone, and mends the index. The leader does it in the background.",
  });
  return { path, access: "policy", run: "transaction", reply: "envelope" };
}

function checkType(type: string): void {
  if (type !== "irrevocable") throw new LogicalError("invalid_request", 'unknown type; the only one is "irrevocable"');
}

async function* irrevocableRows(tx: Transaction): AsyncGenerator<KeyedRow> {
  const iterator = tx.iterate(irrevocableRange());
  try {
    for (;;) {
      const page = await iterator.next(ROWS_PER_PAGE);
      if (page.length === 0) return;
      yield* page;
    }
  } finally {
    await iterator.close();
  }
}
