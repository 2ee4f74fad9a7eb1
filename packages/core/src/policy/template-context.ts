/** What `{{identity…}}` in a rule's path may stand for: the identity behind a request, as policies see it. */

export interface TemplateContext {
  /** Absent: the token belongs to no entity, and every rule with a template is skipped. */
  readonly entity?: TemplateEntity;
  /** The groups that the entity is in, directly or through other groups. */
  readonly groups: readonly TemplateGroup[];
}

export interface TemplateEntity {
  readonly id: string;
  readonly name: string;
  readonly metadata: ReadonlyMap<string, string>;
  /** By the accessor of the alias's mount. One each: where an entity has several there, the one that logged in. */
  readonly aliases: ReadonlyMap<string, TemplateAlias>;
}

export interface TemplateAlias {
  readonly id: string;
  readonly name: string;
  readonly metadata: ReadonlyMap<string, string>;
  readonly customMetadata: ReadonlyMap<string, string>;
}

export interface TemplateGroup {
  readonly id: string;
  readonly name: string;
  readonly metadata: ReadonlyMap<string, string>;
}

/** Of a token without an entity. */
export const NO_IDENTITY: TemplateContext = { groups: [] };
