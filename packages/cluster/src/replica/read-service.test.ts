import { describe, expect, it } from "vitest";
import { ReadService } from "./read-service.ts";

const request = (id: number) => ({ worker: 1, id });

describe("ReadService", () => {
  it("asks once for all that waits, one round at a time", () => {
    const reads = new ReadService({ firstContext: 100, retryMs: 50 });
    reads.request(request(1));
    reads.request(request(2));
    expect(reads.next(0)).toBe(100);
    reads.request(request(3));
    reads.request(request(4));
    expect(reads.next(0)).toBeUndefined();
    expect(reads.resolve(100)).toEqual([request(1), request(2)]);
    expect(reads.next(0)).toBe(101);
    expect(reads.resolve(101)).toEqual([request(3), request(4)]);
    expect(reads.next(0)).toBeUndefined();
  });

  it("asks again under a fresh number, and takes no answer to the old one", () => {
    const reads = new ReadService({ firstContext: 100, retryMs: 50 });
    reads.request(request(1));
    reads.next(0);
    reads.retryOld(49);
    expect(reads.next(49)).toBeUndefined();
    reads.retryOld(50);
    expect(reads.next(50)).toBe(101);
    expect(reads.resolve(100)).toEqual([]);
    expect(reads.resolve(101)).toEqual([request(1)]);
  });

  it("asks a new leader at once", () => {
    const reads = new ReadService({ firstContext: 100, retryMs: 50 });
    reads.request(request(1));
    reads.next(0);
    reads.retryAll();
    expect(reads.next(0)).toBe(101);
  });

  it("answers nobody who has gone", () => {
    const reads = new ReadService({ firstContext: 100, retryMs: 50 });
    reads.request(request(1));
    reads.next(0);
    reads.removeWorker(1);
    expect(reads.resolve(100)).toEqual([]);
  });
});
