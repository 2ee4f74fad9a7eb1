import { describe, expect, it } from "vitest";
import { parseFlags } from "./flags.ts";

const DECLARATIONS = {
  mount: { kind: "string", help: "" },
  cas: { kind: "integer", help: "" },
  force: { kind: "switch", help: "" },
  versions: { kind: "list", help: "" },
  n: { kind: "integer", help: "" },
  increment: { kind: "string", alias: "i", help: "" },
} as const;

const parse = (...args: string[]) => parseFlags(args, DECLARATIONS);

describe("parseFlags", () => {
  it.each([
    ["-mount=secret"],
    ["--mount=secret"],
    ["-mount", "secret"],
    ["--mount", "secret"],
    ["-mount=old", "-mount=secret"],
  ])("takes %j %j", (...args) => {
    expect(parse(...args).flags["mount"]).toBe("secret");
  });

  it("leaves what follows a flag's value to the command", () => {
    expect(parse("-versions=1,2", "secret/app")).toMatchObject({
      flags: { versions: ["1,2"] },
      positional: ["secret/app"],
    });
    expect(parse("-versions", "1", "-versions", "2", "secret/app")).toMatchObject({
      flags: { versions: ["1", "2"] },
      positional: ["secret/app"],
    });
    expect(parse("-force", "path").positional).toEqual(["path"]);
  });

  it("takes a shorter name for the same", () => {
    expect(parse("-i=2h", "path")).toMatchObject({ flags: { increment: "2h" }, positional: ["path"] });
    expect(parse("-increment", "1h", "-i", "2h").flags["increment"]).toBe("2h");
  });

  it("takes flags behind the path as well as before it", () => {
    expect(parse("path", "-cas=3", "key=value")).toMatchObject({
      flags: { cas: 3 },
      positional: ["path", "key=value"],
    });
  });

  it("keeps positional arguments as they are typed", () => {
    const typed = ["007", "1e3", "true", "a.b=c", "-", "@file", "key=-", "key=-value"];
    expect(parse(...typed).positional).toEqual(typed);
  });

  it("takes everything behind -- as it is", () => {
    expect(parse("path", "--", "-secret=x", "--", "-force").positional).toEqual(["path", "-secret=x", "--", "-force"]);
  });

  it("keeps a value that looks like a number or a switch", () => {
    expect(parse("-mount=007").flags["mount"]).toBe("007");
    expect(parse("-mount=true").flags["mount"]).toBe("true");
    expect(parse("-mount=").flags["mount"]).toBe("");
  });

  it.each(["-cas=x", "-cas=1.5", "-cas=", "-cas=99999999999999999999"])("refuses %s", (flag) => {
    expect(() => parse(flag)).toThrow("whole number");
  });

  it.each([
    [["-mount"], "mount"],
    [["-mount", "-force"], "mount"],
    [["-n"], "n"],
    [["path", "-versions"], "versions"],
    [["-cas", "--", "5"], "cas"],
  ])("refuses a flag without its value: %j", (args, name) => {
    expect(() => parse(...args)).toThrow(`Flag -${name} needs a value`);
  });

  it("reads a switch as Go does, and takes nothing else for one", () => {
    for (const value of ["1", "t", "TRUE", "true"]) expect(parse(`-force=${value}`).flags["force"]).toBe(true);
    for (const value of ["0", "f", "False"]) expect(parse(`--force=${value}`, "path").flags["force"]).toBe(false);
    for (const value of ["maybe", "", "no"]) expect(() => parse(`-force=${value}`)).toThrow("true or false");
  });

  it("reads negative numbers", () => {
    expect(parse("-cas=-1").flags["cas"]).toBe(-1);
    expect(parse("-cas", "-1").flags["cas"]).toBe(-1);
  });

  it("names the nearest flag when it knows none", () => {
    expect(() => parse("-mont=x")).toThrow("-mount");
    expect(() => parse("-nothing-like-it")).toThrow("nothing-like-it");
    expect(() => parse("-nf")).toThrow("nf");
  });

  it.each(["-h", "-help", "--help"])("sees %s", (flag) => {
    expect(parse(flag).help).toBe(true);
  });

  it("does not mistake a flag of this name for an object's own property", () => {
    expect(() => parse("-constructor=x")).toThrow("constructor");
    expect(() => parse("-__proto__=x")).toThrow();
  });
});
