import { describe, expect, it } from "vitest";
import { decodeClusterRecord, encodeClusterRecord } from "./cluster-record.ts";
import { IntegrityError, UnknownFormatError } from "./errors.ts";

describe("cluster record", () => {
  const record = { clusterId: new Uint8Array(16).fill(5), createdMs: 1_900_000_000_000, name: "näme" };

  it("survives encoding", () => expect(decodeClusterRecord(encodeClusterRecord(record))).toEqual(record));

  it("is refused when cut short, longer or of another format", () => {
    const bytes = encodeClusterRecord(record);
    for (let length = 0; length < bytes.length; length++)
      expect(() => decodeClusterRecord(bytes.subarray(0, length))).toThrow(IntegrityError);
    expect(() => decodeClusterRecord(Uint8Array.from([...bytes, 1]))).toThrow(IntegrityError);
    expect(() => decodeClusterRecord(Uint8Array.from([2, ...bytes.subarray(1)]))).toThrow(UnknownFormatError);
  });
});
