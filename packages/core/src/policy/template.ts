/**
 * Templates in a rule's path: `{{identity.entity.name}}` and its like. A text is taken apart once, when the policy is parsed;
 * what it stands for is asked for each identity. A value that could widen the path (`*`, `+`, `/`, nothing at all) resolves
 * to nothing, and its rule is skipped: names and metadata are often written by those whom the policy is to bind.
 */
import type { TemplateAlias, TemplateContext } from "./template-context.ts";

/** A literal text, or what one `{{…}}` stands for. */
export type TemplatePart = string | TemplateSelector;

export interface TemplateSelector {
  /** As it was written, blanks trimmed. */
  readonly text: string;
  readonly resolve: (context: TemplateContext) => string | undefined;
}

/** What is wrong with a template, or its parts. */
export type ParsedTemplate =
  | { readonly ok: true; readonly parts: readonly TemplatePart[] }
  | { readonly ok: false; readonly problem: string };

export function parseTemplate(text: string): ParsedTemplate {
  const parts: TemplatePart[] = [];
  let at = 0;
  for (;;) {
    const open = text.indexOf("{{", at);
    const literal = open < 0 ? text.slice(at) : text.slice(at, open);
    if (literal.includes("}}")) return { ok: false, problem: "a }} without its {{" };
    if (literal !== "") parts.push(literal);
    if (open < 0) return { ok: true, parts };
    const close = text.indexOf("}}", open + 2);
    if (close < 0) return { ok: false, problem: "a {{ without its }}" };
    const name = text.slice(open + 2, close).trim();
    const selector = parseSelector(name);
    if (selector === undefined) return { ok: false, problem: `{{${name}}} is no template that policies know` };
    parts.push(selector);
    at = close + 2;
  }
}

/** The text for this identity, or nothing when one of its parts has no value that may stand in a path. */
export function renderTemplate(parts: readonly TemplatePart[], context: TemplateContext): string | undefined {
  let text = "";
  for (const part of parts) {
    const value = typeof part === "string" ? part : resolveSelector(part, context);
    if (value === undefined) return undefined;
    text += value;
  }
  return text;
}

/** What the selector stands for, unless it could change what the rest of the path means. */
export function resolveSelector(selector: TemplateSelector, context: TemplateContext): string | undefined {
  const value = selector.resolve(context);
  return value === undefined || !isPlain(value) ? undefined : value;
}

/** One segment or a part of one: no wildcard, no slash, no brace, nothing that does not print, and never empty. */
function isPlain(value: string): boolean {
  return value !== "" && !/[*+/{}\\\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u.test(value) && value !== "." && value !== "..";
}

function parseSelector(text: string): TemplateSelector | undefined {
  const resolve = selectorOf(text);
  return resolve === undefined ? undefined : { text, resolve };
}

function selectorOf(text: string): TemplateSelector["resolve"] | undefined {
  const entity = after(text, "identity.entity.");
  if (entity !== undefined) return entitySelector(entity);
  const byId = after(text, "identity.groups.ids.");
  if (byId !== undefined) return groupSelector(byId, "id");
  const byName = after(text, "identity.groups.names.");
  return byName === undefined ? undefined : groupSelector(byName, "name");
}

function entitySelector(text: string): TemplateSelector["resolve"] | undefined {
  if (text === "id") return ({ entity }) => entity?.id;
  if (text === "name") return ({ entity }) => entity?.name;
  const key = after(text, "metadata.");
  if (key !== undefined) return ({ entity }) => entity?.metadata.get(key);
  const alias = after(text, "aliases.");
  if (alias === undefined) return undefined;
  const [accessor, rest] = splitOnce(alias);
  const member = rest === undefined || accessor === "" ? undefined : aliasMember(rest);
  if (member === undefined) return undefined;
  return ({ entity }) => {
    const found = entity?.aliases.get(accessor);
    return found === undefined ? undefined : member(found);
  };
}

function aliasMember(text: string): ((alias: TemplateAlias) => string | undefined) | undefined {
  if (text === "id") return (alias) => alias.id;
  if (text === "name") return (alias) => alias.name;
  const key = after(text, "metadata.");
  if (key !== undefined) return (alias) => alias.metadata.get(key);
  const customKey = after(text, "custom_metadata.");
  return customKey === undefined ? undefined : (alias) => alias.customMetadata.get(customKey);
}

function groupSelector(text: string, by: "id" | "name"): TemplateSelector["resolve"] | undefined {
  const [wanted, member] = splitOnce(text);
  if (member === undefined || wanted === "") return undefined;
  const key = after(member, "metadata.");
  if (member !== "id" && member !== "name" && key === undefined) return undefined;
  return ({ groups }) => {
    const group = groups.find((candidate) => candidate[by] === wanted);
    if (group === undefined) return undefined;
    return key === undefined ? group[member as "id" | "name"] : group.metadata.get(key);
  };
}

/** What follows `prefix`, which must be something. */
function after(text: string, prefix: string): string | undefined {
  return text.startsWith(prefix) && text.length > prefix.length ? text.slice(prefix.length) : undefined;
}

function splitOnce(text: string): readonly [string, string | undefined] {
  const dot = text.indexOf(".");
  return dot < 0 ? [text, undefined] : [text.slice(0, dot), text.slice(dot + 1)];
}
