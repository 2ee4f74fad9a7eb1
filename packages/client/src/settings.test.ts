import { describe, expect, it } from "vitest";
import { settingsFrom } from "./settings.ts";

describe("settingsFrom", () => {
  it("prefers what the caller gave, then STRONGROOM_*, then VAULT_*", () => {
    const environment = { STRONGROOM_TOKEN: "s", VAULT_TOKEN: "v", VAULT_NAMESPACE: "n" };
    expect(settingsFrom({ token: "c" }, environment).token).toBe("c");
    expect(settingsFrom({}, environment)).toMatchObject({ token: "s", namespace: "n" });
    expect(settingsFrom({}, { VAULT_TOKEN: "v" }).token).toBe("v");
  });

  it("finds the gRPC door two ports above the HTTPS address", () => {
    const addresses = (environment: Record<string, string>) => settingsFrom({}, environment).addresses;
    expect(addresses({})).toEqual([{ host: "127.0.0.1", port: 8202 }]);
    expect(addresses({ VAULT_ADDR: "https://vault.example:8210" })).toEqual([{ host: "vault.example", port: 8212 }]);
    expect(addresses({ VAULT_ADDR: "https://vault.example" })).toEqual([{ host: "vault.example", port: 8202 }]);
    expect(addresses({ VAULT_ADDR: "https://x:1", STRONGROOM_GRPC_ADDR: "a:1, [::1]:2" })).toEqual([
      { host: "a", port: 1 },
      { host: "::1", port: 2 },
    ]);
  });

  it("takes a fingerprint with or without colons", () => {
    const hex = "AB".repeat(32);
    expect(settingsFrom({ caFingerprint: hex.replaceAll(/(..)(?=.)/g, "$1:") }, {}).security).toEqual({
      kind: "fingerprint",
      sha256: hex.toLowerCase(),
    });
  });
});
