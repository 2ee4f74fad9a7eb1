import { describe, expect, it } from "vitest";
import { AddressError, formatHostPort, parseHostPort } from "./address.ts";

describe("parseHostPort", () => {
  it.each([
    ["10.0.0.1:8201", "10.0.0.1", 8201],
    ["node-1.example:1", "node-1.example", 1],
    ["[::1]:8201", "::1", 8201],
    ["[fe80::1%eth0]:65535", "fe80::1%eth0", 65535],
  ])("reads %s, and writes it back", (text, host, port) => {
    expect(parseHostPort(text)).toEqual({ host, port });
    expect(formatHostPort({ host, port })).toBe(text);
  });

  it.each(["", "host", "host:", ":1", "::1:80", "host:65536", "host:1:2", "https://host:1", "ho st:1", "[::1]"])(
    "refuses %j",
    (text) => expect(() => parseHostPort(text)).toThrow(AddressError),
  );
});
