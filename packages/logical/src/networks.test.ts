import { describe, expect, it } from "vitest";
import { Networks } from "./networks.ts";

const admits = (texts: readonly string[], address: string): boolean | undefined =>
  Networks.parse(texts)?.admit(address);

describe("Networks", () => {
  it("admits what lies in one of them, in either family", () => {
    expect(admits(["10.0.0.0/8", "2001:db8::/32"], "10.200.3.4")).toBe(true);
    expect(admits(["10.0.0.0/8", "2001:db8::/32"], "2001:db8::7")).toBe(true);
    expect(admits(["10.0.0.0/8", "2001:db8::/32"], "11.0.0.1")).toBe(false);
    expect(admits(["127.0.0.1"], "127.0.0.2")).toBe(false);
    expect(admits(["127.0.0.1"], "127.0.0.1")).toBe(true);
    expect(admits(["0.0.0.0/0"], "::1")).toBe(false);
  });

  it("knows an IPv4 address that a socket shows inside IPv6", () => {
    expect(admits(["127.0.0.0/8"], "::ffff:127.0.0.1")).toBe(true);
    expect(admits(["::ffff:127.0.0.1"], "127.0.0.1")).toBe(true);
    expect(admits(["fe80::/10"], "fe80::1%eth0")).toBe(true);
  });

  it("admits every address if there are none, and nothing that is no address if there are", () => {
    expect(admits([], "")).toBe(true);
    expect(admits(["0.0.0.0/0"], "")).toBe(false);
    expect(admits(["0.0.0.0/0"], "localhost")).toBe(false);
  });

  it.each(["", "x", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/08", "10.0.0.0/", "10.0.0/8", "::/129", "1.2.3.4/8/8"])(
    "is not made of %j",
    (text) => {
      expect(Networks.parse([text])).toBeUndefined();
    },
  );
});
