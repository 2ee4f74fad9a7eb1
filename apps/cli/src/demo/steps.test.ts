import { describe, expect, it } from "vitest";
import type { Terminal } from "../terminal.ts";
import { listed } from "./setup.ts";
import { formatDuration, Steps } from "./steps.ts";

function screen(interactive: boolean): { readonly terminal: Terminal; readonly text: () => string } {
  let text = "";
  const terminal: Terminal = {
    out: (more) => {
      text += more;
    },
    error: () => undefined,
    interactive,
    readInput: async () => Buffer.alloc(0),
    promptHidden: async () => "",
  };
  return { terminal, text: () => text };
}

describe("Steps", () => {
  it("prints a plain line a step when piped, also for the one that fails", async () => {
    const { terminal, text } = screen(false);
    const steps = new Steps(terminal);
    expect(
      await steps.run(
        "Count",
        async () => 3,
        (n) => `Counted to ${n}`,
      ),
    ).toBe(3);
    await expect(steps.run("Break", () => Promise.reject(new Error("broken")))).rejects.toThrow("broken");
    expect(text()).toMatch(/^✓ Counted to 3 +\d+ ms\n✗ Break +\d+ ms\n$/);
  });

  it("turns a sign on a terminal and leaves the same lines", async () => {
    const { terminal, text } = screen(true);
    await new Steps(terminal).run("Work", async () => undefined);
    expect(text()).toContain("\r\u001b[2K⠋ Work …");
    const left = text().split("\r\u001b[2K").at(-1);
    expect(left).toMatch(/^✓ Work +\d+ ms\n$/);
  });
});

describe("words", () => {
  it("gives durations in a unit that fits", () => {
    expect([0.4, 999, 1000, 12_345].map(formatDuration)).toEqual(["0 ms", "999 ms", "1.00 s", "12.35 s"]);
  });

  it("joins names", () => {
    expect([[], ["a"], ["a", "b"], ["a", "b", "c"]].map(listed)).toEqual(["", "a", "a and b", "a, b and c"]);
  });
});
