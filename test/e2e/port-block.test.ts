import { once } from "node:events";
import { createServer } from "node:net";
import { describe, expect, it } from "vitest";
import { PortBlock } from "./port-block.ts";

describe("PortBlock", () => {
  it("is held by one at a time, and passes over a port that is taken", async () => {
    const one = await PortBlock.hold({ nodes: 3 });
    const first = (one.basePort - 25_000) / 100;
    const two = await PortBlock.hold({ nodes: 3, first });
    expect(two.basePort).not.toBe(one.basePort);
    two.release();
    one.release();
    const stranger = createServer().listen(one.basePort + 21, "127.0.0.1");
    await once(stranger, "listening");
    const three = await PortBlock.hold({ nodes: 3, first });
    expect(three.basePort).not.toBe(one.basePort);
    three.release();
    stranger.close();
    await once(stranger, "close");
  });
});
