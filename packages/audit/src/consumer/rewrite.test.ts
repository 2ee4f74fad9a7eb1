import { describe, expect, it } from "vitest";
import { closeLine, lineHash, NO_RECORD } from "../stream/chain.ts";
import { testSalt } from "../testing/salt.ts";
import { Rewriter } from "./rewrite.ts";

const { salt } = testSalt();
const PLAIN = { elideListResponses: false, hmacAccessor: true, maxLineBytes: Number.POSITIVE_INFINITY };

function line(record: object): Buffer {
  const open = JSON.stringify({ time: "2030-01-01T00:00:00.000Z", ...record }).slice(0, -1);
  return Buffer.from(`${closeLine(open, { seq: 7, stream: "000001-00000000", prev: NO_RECORD })}\n`);
}
const record = (bytes: Uint8Array) => JSON.parse(Buffer.from(bytes).toString()) as Record<string, unknown>;

describe("what a device gets", () => {
  const list = line({
    type: "response",
    auth: { accessor: "hmac-sha256:x" },
    request: { operation: "list" },
    response: { data: { keys: ["hmac-sha256:a", "hmac-sha256:b"], key_info: { a: {}, b: {}, c: {} } } },
  });

  it("is the line itself, where nothing is asked", () => {
    expect(new Rewriter(PLAIN, salt).rewrite(list)).toBe(list);
  });

  it("has counts in place of lists with elide_list_responses, and names the line that it was", () => {
    const rewriter = new Rewriter({ ...PLAIN, elideListResponses: true }, salt);
    expect(record(rewriter.rewrite(list))).toMatchObject({
      response: { data: { keys: 2, key_info: 3 } },
      seq: 7,
      original: lineHash(list.subarray(0, -1)),
    });
    const other = line({ type: "response", request: { operation: "read" }, response: { data: { keys: ["x"] } } });
    expect(rewriter.rewrite(other)).toBe(other);
  });

  it("has HMACs of accessors though another device shows them", () => {
    const shown = line({
      type: "response",
      auth: { accessor: "A1" },
      request: { client_token_accessor: "A1" },
      response: { auth: { accessor: "A2" }, wrap_info: { accessor: "A3", wrapped_accessor: "A4" } },
    });
    const hidden = record(new Rewriter(PLAIN, salt).rewrite(shown));
    expect(JSON.stringify(hidden)).not.toMatch(/"A\d"/);
    expect(hidden).toMatchObject({
      auth: { accessor: salt.hash("A1") },
      response: { auth: { accessor: salt.hash("A2") } },
    });
    expect(new Rewriter({ ...PLAIN, hmacAccessor: false }, salt).rewrite(shown)).toBe(shown);
  });

  it("is short enough for a datagram, and still says what it was about", () => {
    const long = line({
      type: "request",
      request: { id: "r1", operation: "update", path: "p", data: { a: "x".repeat(9000) } },
    });
    const short = new Rewriter({ ...PLAIN, maxLineBytes: 2000 }, salt).rewrite(long);
    expect(short.length).toBeLessThan(2000);
    expect(record(short)).toMatchObject({
      type: "request",
      shortened: true,
      request: { id: "r1", operation: "update", path: "p" },
      seq: 7,
      original: lineHash(long.subarray(0, -1)),
    });
  });
});
