/** An answer that may hold a token or a wrapped answer beside its data, as Vault's tool shows it. */
import type { Context } from "./command.ts";
import { display, print, table } from "./output.ts";
import type { ApiBody } from "./server-api.ts";
import type { Format } from "./settings.ts";

/** What `-field` finds and the table shows. */
function secretFields(body: ApiBody): Readonly<Record<string, unknown>> {
  const { auth, wrap_info: wrap } = body;
  if (wrap != null) {
    const fields: Record<string, unknown> = {
      wrapping_token: wrap["token"],
      wrapping_accessor: wrap["accessor"],
      wrapping_token_ttl: duration(wrap["ttl"]),
      wrapping_token_creation_time: wrap["creation_time"],
      wrapping_token_creation_path: wrap["creation_path"],
    };
    if (wrap["wrapped_accessor"] !== undefined) fields["wrapped_accessor"] = wrap["wrapped_accessor"];
    return fields;
  }
  if (auth != null) {
    const metadata = (auth["metadata"] ?? {}) as Readonly<Record<string, unknown>>;
    return {
      token: auth["client_token"],
      token_accessor: auth["accessor"],
      token_duration: duration(auth["lease_duration"]),
      token_renewable: auth["renewable"],
      token_policies: auth["token_policies"],
      identity_policies: auth["identity_policies"] ?? [],
      policies: auth["policies"],
      ...Object.fromEntries(Object.entries(metadata).map(([key, value]) => [`token_meta_${key}`, value])),
    };
  }
  const lease = body as { readonly lease_id?: string; readonly lease_duration?: number; readonly renewable?: boolean };
  const { lease_id: leaseId, lease_duration: seconds, renewable } = lease;
  if (leaseId === undefined || leaseId === "") return body.data ?? body;
  return { lease_id: leaseId, lease_duration: duration(seconds), lease_renewable: renewable, ...body.data };
}

export function printSecret(context: Context, format: Format, body: ApiBody, field?: string): number {
  const fields = secretFields(body);
  const rows = (): string =>
    table(
      ["Key", "Value"],
      Object.entries(fields).map(([key, value]) => [key, display(value)]),
    );
  const ordered = body.auth != null || body.wrap_info != null;
  return print(context, format, ordered ? { body, fields, table: rows } : { body, fields }, field);
}

/** Seconds as Go prints a duration; "∞" for a token that does not end. */
function duration(seconds: unknown): string {
  if (typeof seconds !== "number") return display(seconds);
  if (seconds === 0) return "∞";
  const hours = Math.floor(seconds / 3600);
  const minutes = Math.floor(seconds / 60) % 60;
  if (hours > 0) return `${hours}h${minutes}m${seconds % 60}s`;
  return minutes > 0 ? `${minutes}m${seconds % 60}s` : `${seconds}s`;
}
