/**
 * Policies: the language (HCL and JSON), the evaluator, and the reasons that it gives. A library without storage or requests:
 * `parsePolicy` makes a policy of a text, `compileAcl` an ACL of policies and an identity, and the ACL answers.
 */
export { compileAcl, ROOT_POLICY } from "./acl.ts";
export type { Acl, AclOperation, AclQuery, Decision, DecisionReason, RequestParameters } from "./decision.ts";
export { MixedRootPolicyError, PolicyParseError } from "./errors.ts";
export type { Explanation } from "./explain.ts";
export { explain } from "./explain.ts";
export { formatPolicy } from "./format-policy.ts";
export { parsePolicy } from "./parse-policy.ts";
export type { Capability, ParameterValue, ParameterValues, PathRule, Policy, RuleOrigin } from "./policy.ts";
export type { TemplateAlias, TemplateContext, TemplateEntity, TemplateGroup } from "./template-context.ts";
export { NO_IDENTITY } from "./template-context.ts";
