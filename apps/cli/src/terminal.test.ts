import { PassThrough } from "node:stream";
import { describe, expect, it } from "vitest";
import { promptOn } from "./terminal.ts";

/** A terminal's input that notes whether it echoes. */
class FakeInput extends PassThrough {
  readonly modes: boolean[] = [];

  setRawMode(mode: boolean): this {
    this.modes.push(mode);
    return this;
  }
}

function prompt(): { readonly input: FakeInput; readonly answer: Promise<string> } {
  const input = new FakeInput();
  return { input, answer: promptOn(input as never, "") };
}

describe("the hidden prompt", () => {
  it("reads one line without echo, and gives the terminal back", async () => {
    const { input, answer } = prompt();
    input.write("sec");
    input.write("ret\r");
    expect(await answer).toBe("secret");
    expect(input.modes).toEqual([true, false]);
    expect(input.listenerCount("data")).toBe(0);
    expect(input.isPaused()).toBe(true);
  });

  it("obeys backspace, also before the first character", async () => {
    const { input, answer } = prompt();
    input.write("\u007fa\u007f\u007fxy\bz\n");
    expect(await answer).toBe("xz");
  });

  it("puts a character together that came in pieces", async () => {
    const { input, answer } = prompt();
    const bytes = Buffer.from("ключ\n");
    input.write(bytes.subarray(0, 3));
    input.write(bytes.subarray(3));
    expect(await answer).toBe("ключ");
  });

  it("ends on Ctrl-C and gives the terminal back", async () => {
    const { input, answer } = prompt();
    input.write("half\u0003");
    await expect(answer).rejects.toThrow("Interrupted");
    expect(input.modes).toEqual([true, false]);
  });
});
