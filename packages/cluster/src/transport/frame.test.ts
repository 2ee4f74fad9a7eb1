import { ByteWriter } from "@strongroom/runtime";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  decodeHello,
  encodeFrame,
  encodeHello,
  type Frame,
  FrameError,
  type FrameKind,
  FrameReader,
  MAX_FRAME_BYTES,
  MAX_FRAME_PAYLOAD_BYTES,
} from "./frame.ts";

const frames = fc.record({
  kind: fc.constantFrom<FrameKind>("hello", "batch", "first-part", "next-part", "ping", "pong"),
  wallMs: fc.nat({ max: 2 ** 47 }),
  payload: fc.uint8Array({ maxLength: 400 }),
});

function collect(): { reader: FrameReader; got: Frame[] } {
  const got: Frame[] = [];
  return { got, reader: new FrameReader((frame) => got.push({ ...frame, payload: frame.payload.slice() })) };
}

describe("FrameReader", () => {
  it("finds the same frames however the stream is cut", () => {
    fc.assert(
      fc.property(fc.array(frames, { maxLength: 6 }), fc.array(fc.nat({ max: 50 })), (sent, cuts) => {
        const stream = Buffer.concat(sent.map(({ kind, wallMs, payload }) => encodeFrame(kind, wallMs, payload)));
        const { reader, got } = collect();
        let offset = 0;
        for (const cut of cuts) {
          reader.push(stream.subarray(offset, offset + cut));
          offset += cut;
        }
        reader.push(stream.subarray(offset));
        expect(got).toEqual(sent);
      }),
    );
  });

  it("takes a frame of the greatest size, byte by byte, and none that is greater", () => {
    const { reader, got } = collect();
    const bytes = encodeFrame("batch", 1, new Uint8Array(MAX_FRAME_PAYLOAD_BYTES));
    expect(bytes.length).toBe(MAX_FRAME_BYTES);
    for (let i = 0; i < bytes.length; i++) reader.push(bytes.subarray(i, i + 1));
    expect(got.length).toBe(1);
    const greater = encodeFrame("batch", 1, new Uint8Array(MAX_FRAME_PAYLOAD_BYTES + 1));
    expect(() => reader.push(greater)).toThrow(FrameError);
  });

  it("refuses a bad length as soon as it is there, a bad version and a bad kind", () => {
    expect(() => collect().reader.push(Uint8Array.of(0, 0, 0, 7))).toThrow(FrameError);
    const { reader } = collect();
    reader.push(Uint8Array.of(255, 255, 255));
    expect(() => reader.push(Uint8Array.of(255))).toThrow(FrameError);
    const header = (version: number, kind: number) => new ByteWriter().u32(8).u8(version).u8(kind).u48(0).finish();
    expect(() => collect().reader.push(header(2, 2))).toThrow("unknown version 2");
    expect(() => collect().reader.push(header(1, 99))).toThrow("unknown kind");
  });

  it("never fails otherwise", () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 40 })), (chunks) => {
        const { reader } = collect();
        try {
          for (const chunk of chunks) reader.push(chunk);
        } catch (error) {
          expect(error).toBeInstanceOf(FrameError);
        }
      }),
    );
  });
});

describe("hello", () => {
  it("comes back as it was, whatever a later version adds", () => {
    const hello = { clusterId: "c", from: 2 ** 52, to: 1, newestVersion: 1 };
    expect(decodeHello(encodeHello(hello))).toEqual(hello);
    expect(decodeHello(Buffer.concat([encodeHello(hello), Buffer.from("more")]))).toEqual(hello);
  });

  it("is refused when it cannot be read", () => {
    expect(() => decodeHello(new Uint8Array(3))).toThrow(FrameError);
    expect(() => decodeHello(new ByteWriter().u8(1).u64(1).u64(1).bytes(Uint8Array.of(0xff)).finish())).toThrow(
      FrameError,
    );
  });
});
