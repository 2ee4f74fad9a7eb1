/**
 * What every role and user says of the tokens that it gets: the `token_…` fields, which are alike in all auth methods, as
 * they are declared, stored, shown and granted. Older names of the same fields are taken too.
 */
import {
  type Fields,
  type FieldType,
  type Internal,
  type JsonValue,
  LogicalError,
  Networks,
  type TokenGrant,
  type TokenType,
} from "@strongroom/logical";

export interface TokenSettings {
  readonly policies: readonly string[];
  readonly ttlSeconds: number;
  readonly maxTtlSeconds: number;
  readonly explicitMaxTtlSeconds: number;
  readonly periodSeconds: number;
  readonly numUses: number;
  readonly boundCidrs: readonly string[];
  readonly type: TokenType;
  readonly noDefaultPolicy: boolean;
}

export const DEFAULT_TOKEN_SETTINGS: TokenSettings = {
  policies: [],
  ttlSeconds: 0,
  maxTtlSeconds: 0,
  explicitMaxTtlSeconds: 0,
  periodSeconds: 0,
  numUses: 0,
  boundCidrs: [],
  type: "default",
  noDefaultPolicy: false,
};

/** A field of that type, without a default. */
export type FieldOf<T extends FieldType> = { readonly type: T; readonly description: string };

export type TokenFieldSchemas = {
  readonly token_policies: FieldOf<"comma-string-slice">;
  readonly token_ttl: FieldOf<"duration">;
  readonly token_max_ttl: FieldOf<"duration">;
  readonly token_explicit_max_ttl: FieldOf<"duration">;
  readonly token_period: FieldOf<"duration">;
  readonly token_num_uses: FieldOf<"int">;
  readonly token_bound_cidrs: FieldOf<"comma-string-slice">;
  readonly token_type: FieldOf<"string">;
  readonly token_no_default_policy: FieldOf<"bool">;
  readonly policies: FieldOf<"comma-string-slice">;
  readonly ttl: FieldOf<"duration">;
  readonly max_ttl: FieldOf<"duration">;
  readonly period: FieldOf<"duration">;
  readonly num_uses: FieldOf<"int">;
  readonly bound_cidrs: FieldOf<"comma-string-slice">;
};

export const TOKEN_FIELDS: TokenFieldSchemas = {
  token_policies: { type: "comma-string-slice", description: "Policies of the tokens." },
  token_ttl: { type: "duration", description: "For how long a token lives before it is renewed." },
  token_max_ttl: { type: "duration", description: "For how long a token may be renewed." },
  token_explicit_max_ttl: { type: "duration", description: "A limit that holds for periodic tokens too." },
  token_period: { type: "duration", description: "Tokens live this long after each renewal, without a limit." },
  token_num_uses: { type: "int", description: "How often a token may be used; 0 for any number." },
  token_bound_cidrs: { type: "comma-string-slice", description: "Where tokens may be used from." },
  token_type: { type: "string", description: "service, batch, default, default-service or default-batch." },
  token_no_default_policy: { type: "bool", description: 'Leave the policy "default" out.' },
  policies: { type: "comma-string-slice", description: "Older name of token_policies." },
  ttl: { type: "duration", description: "Older name of token_ttl." },
  max_ttl: { type: "duration", description: "Older name of token_max_ttl." },
  period: { type: "duration", description: "Older name of token_period." },
  num_uses: { type: "int", description: "Older name of token_num_uses." },
  bound_cidrs: { type: "comma-string-slice", description: "Older name of token_bound_cidrs." },
};

type TokenFields = Fields<TokenFieldSchemas>;

const TYPES: readonly string[] = ["default", "service", "batch", "default-service", "default-batch"];

/** `before` with what the request gives. Throws `LogicalError`. */
export function changedSettings(before: TokenSettings, fields: TokenFields): TokenSettings {
  const settings: TokenSettings = {
    policies: policyNames(fields.get("token_policies") ?? fields.get("policies")) ?? before.policies,
    ttlSeconds: fields.get("token_ttl") ?? fields.get("ttl") ?? before.ttlSeconds,
    maxTtlSeconds: fields.get("token_max_ttl") ?? fields.get("max_ttl") ?? before.maxTtlSeconds,
    explicitMaxTtlSeconds: fields.get("token_explicit_max_ttl") ?? before.explicitMaxTtlSeconds,
    periodSeconds: fields.get("token_period") ?? fields.get("period") ?? before.periodSeconds,
    numUses: fields.get("token_num_uses") ?? fields.get("num_uses") ?? before.numUses,
    boundCidrs:
      networks("token_bound_cidrs", fields.get("token_bound_cidrs") ?? fields.get("bound_cidrs")) ?? before.boundCidrs,
    type: tokenType(fields.get("token_type")) ?? before.type,
    noDefaultPolicy: fields.get("token_no_default_policy") ?? before.noDefaultPolicy,
  };
  checkSettings(settings);
  return settings;
}

/** The names of a request as they are stored: lower case, none twice, ascending. */
export function policyNames(given: readonly string[] | undefined): readonly string[] | undefined {
  return given === undefined ? undefined : [...new Set(given.map((name) => name.toLowerCase()))].sort();
}

/** Throws `LogicalError` for what are no networks. */
export function networks(name: string, given: readonly string[] | undefined): readonly string[] | undefined {
  if (given !== undefined && Networks.parse(given) === undefined) {
    throw new LogicalError("invalid_field", `${name} must be addresses or blocks in CIDR notation`);
  }
  return given;
}

/** As a role or user is shown: by Vault's names, in their order. */
export function settingsBody(settings: TokenSettings): { readonly [key: string]: JsonValue } {
  return {
    token_bound_cidrs: settings.boundCidrs,
    token_explicit_max_ttl: settings.explicitMaxTtlSeconds,
    token_max_ttl: settings.maxTtlSeconds,
    token_no_default_policy: settings.noDefaultPolicy,
    token_num_uses: settings.numUses,
    token_period: settings.periodSeconds,
    token_policies: settings.policies,
    token_ttl: settings.ttlSeconds,
    token_type: settings.type,
  };
}

export function grantOf(
  settings: TokenSettings,
  who: {
    readonly displayName: string;
    readonly aliasName: string;
    readonly metadata: ReadonlyMap<string, string>;
    readonly internal: Internal;
  },
): TokenGrant {
  const { type, ...rest } = settings;
  return { ...rest, ...who, tokenType: type, renewable: true };
}

function tokenType(given: string | undefined): TokenType | undefined {
  if (given === undefined) return undefined;
  if (!TYPES.includes(given)) {
    throw new LogicalError("invalid_field", `invalid 'token_type' value ${JSON.stringify(given)}`);
  }
  return given as TokenType;
}

const BATCH = "'token_type' cannot be 'batch' or 'default_batch' when set to generate";

function checkSettings({ numUses, ttlSeconds, maxTtlSeconds, type, periodSeconds }: TokenSettings): void {
  const wrong =
    numUses < 0
      ? "'token_num_uses' cannot be negative"
      : maxTtlSeconds !== 0 && ttlSeconds > maxTtlSeconds
        ? "'token_ttl' cannot be greater than 'token_max_ttl'"
        : type !== "batch" && type !== "default-batch"
          ? undefined
          : periodSeconds !== 0
            ? `${BATCH} periodic tokens`
            : numUses !== 0
              ? `${BATCH} tokens with limited use count`
              : undefined;
  if (wrong !== undefined) throw new LogicalError("invalid_field", wrong);
}
