import { SecretBytes } from "@strongroom/runtime";
import { AuditSalt, type SaltSource } from "../salt.ts";

/** A salt of 32 equal bytes, and what seals it. */
export function testSalt(): { readonly salt: AuditSalt; readonly source: { sealed: boolean } & SaltSource } {
  const source = {
    sealed: false,
    auditKey: () => new SecretBytes(new Uint8Array(32).fill(7)),
  };
  return { salt: new AuditSalt(source), source };
}
