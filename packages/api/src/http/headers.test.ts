import { describe, expect, it } from "vitest";
import { BadHeaderError, parseHeaders } from "./headers.ts";

describe("parseHeaders", () => {
  it("finds the token in either header, in any case of their names", () => {
    expect(parseHeaders(["x-VAULT-token", "t"]).token).toBe("t");
    expect(parseHeaders(["Authorization", "Bearer t"]).token).toBe("t");
    expect(parseHeaders(["authorization", "bearer  t"]).token).toBe("t");
    expect(parseHeaders(["Authorization", "Bearer t", "X-Vault-Token", "t"]).token).toBe("t");
    expect(parseHeaders(["Authorization", "Basic dDp0"]).token).toBeUndefined();
    expect(parseHeaders(["X-Vault-Token", ""]).token).toBeUndefined();
    expect(parseHeaders(["Cookie", "X-Vault-Token=t"]).token).toBeUndefined();
  });

  it("takes headers that decide something only once", () => {
    const names = [
      "X-Vault-Token",
      "Authorization",
      "X-Vault-Namespace",
      "X-Vault-Wrap-TTL",
      "Content-Type",
      "Content-Encoding",
      "Idempotency-Key",
      "Host",
    ];
    for (const name of names) {
      expect(() => parseHeaders([name, "a", "X", "y", name.toLowerCase(), "a"]), name).toThrow(BadHeaderError);
    }
    expect(() => parseHeaders(["Authorization", "Bearer a", "X-Vault-Token", "b"])).toThrow("different tokens");
    expect(() => parseHeaders(["X-Vault-Token", "a".repeat(8193)])).toThrow("too long");
  });

  it("takes namespaces that are paths of names", () => {
    expect(parseHeaders(["X-Vault-Namespace", "team/a/"]).namespace).toBe("team/a");
    expect(parseHeaders([]).namespace).toBe("");
    for (const root of ["", "/", "root", "root/", "/root/"]) {
      expect(parseHeaders(["X-Vault-Namespace", root]).namespace, root).toBe("");
    }
    for (const wrong of ["//", ".", "..", "a/../", "%2e", "a//b", "a b", "é", "a".repeat(2000)]) {
      expect(() => parseHeaders(["X-Vault-Namespace", wrong]), wrong).toThrow(BadHeaderError);
    }
  });
});
