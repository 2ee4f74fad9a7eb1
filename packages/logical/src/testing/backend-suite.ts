/**
 * What holds for every backend, as cases to hand to a test runner: `for (const { name, run } of backendSuite(…)) it(name, run)`.
 * The engine gives sample requests that succeed one after the other on an empty mount; the suite bends each of them.
 */
import assert from "node:assert/strict";
import { fromUtf8, type StrongroomError, utf8 } from "@strongroom/runtime";
import type { Backend, PathDefinition } from "../backend.ts";
import { dispatch } from "../dispatch.ts";
import { LogicalError, type LogicalErrorCode } from "../errors.ts";
import { helpFor, openApiPaths } from "../help.ts";
import { encodeJson } from "../json/encode.ts";
import { parseJson } from "../json/scanner.ts";
import { OPERATIONS, type Operation } from "../operation.ts";
import type { RequestContext } from "../request.ts";
import type { LogicalResponse } from "../response.ts";
import { MemoryLogicalStorage } from "./memory-logical-storage.ts";
import { testContext, testRequest } from "./requests.ts";

export interface BackendSuiteOptions {
  readonly backend: Backend;
  readonly samples: readonly SampleRequest[];
}

export interface SampleRequest {
  readonly operation: Operation;
  readonly path: string;
  /** JSON text. */
  readonly body?: string;
  readonly query?: Readonly<Record<string, string>>;
}

export interface SuiteCase {
  readonly name: string;
  readonly run: () => Promise<void>;
}

const HOSTILE_PATHS: readonly string[] = [
  "..",
  ".",
  "a/../b",
  "a/./b",
  "../a",
  "a/..",
  "/a",
  "a//b",
  "a\\b",
  "a\u0000b",
  "a\nb",
];

/** JSON that is of the wrong type for nearly every field. */
const HOSTILE_VALUES: readonly string[] = [
  "null",
  "true",
  "-1",
  "1.5",
  "1e400",
  "9007199254740993",
  '""',
  '" "',
  '"\\u0000"',
  "[]",
  "[[]]",
  "{}",
  '{"__proto__":{"a":1}}',
];

export function backendSuite({ backend, samples }: BackendSuiteOptions): readonly SuiteCase[] {
  return [
    ...backend.paths.map((path) => testCase(`${path.pattern}: declares itself`, () => checkDeclaration(path))),
    ...backend.paths.map((path) => testCase(`${path.pattern}: has help`, () => checkHelp(backend, path))),
    ...backend.paths.map((path) =>
      testCase(`${path.pattern}: refuses the operations that it does not declare`, () =>
        checkOperations(backend, path),
      ),
    ),
    ...HOSTILE_PATHS.map((path) =>
      testCase(`refuses the path ${JSON.stringify(path)}`, () => {
        for (const prefix of ["", ...literalPrefixes(backend)])
          throwsCode(() => backend.route(prefix + path), "invalid_path");
      }),
    ),
    testCase("describes itself in OpenAPI", () => {
      parseJson(encodeJson(openApiPaths(backend.paths, { path: "mount/" })));
    }),
    testCase("answers each sample in JSON, alike when run again", () => eachSample(backend, samples, checkRerun)),
    testCase("warns of parameters that it does not know", () => eachSample(backend, samples, checkUnknown)),
    testCase("refuses wrong values with a typed error", () => eachSample(backend, samples, checkHostile)),
  ];
}

interface Sampled {
  readonly backend: Backend;
  readonly path: PathDefinition;
  readonly sample: SampleRequest;
  /** A mount of its own, as it is before the sample. */
  readonly fork: () => RequestContext & { readonly storage: MemoryLogicalStorage };
}

function testCase(name: string, body: () => void | Promise<void>): SuiteCase {
  return { name, run: async () => body() };
}

function checkDeclaration(path: PathDefinition): void {
  assert.ok(path.synopsis !== "" && path.description !== "", "a path says what it is for");
  for (const [name, field] of Object.entries(path.fields)) assert.ok(field.description !== "", `field ${name}`);
  for (const operation of Object.values(path.operations))
    assert.ok(operation.summary !== "", "an operation has a summary");
}

function checkHelp(backend: Backend, path: PathDefinition): void {
  const help = helpFor(backend, samplePath(path), "1.0.0");
  assert.ok(help !== undefined, "a path has help");
  for (const name of Object.keys(path.fields)) assert.ok(help.help.includes(name), `the help tells of ${name}`);
  parseJson(encodeJson(help));
}

function checkOperations(backend: Backend, path: PathDefinition): void {
  for (const operation of OPERATIONS.filter((name) => !(name in path.operations))) {
    const request = testRequest({ operation, path: samplePath(path) });
    throwsCode(() => dispatch(backend, testContext(), request), "unsupported_operation");
  }
}

/** A path that only this pattern serves. */
function samplePath(path: PathDefinition): string {
  return path.pattern.replace(/[:*][a-z_]+/g, "sample");
}

/** The literal beginnings of the patterns, with a slash. */
function literalPrefixes(backend: Backend): readonly string[] {
  return backend.paths.flatMap(({ pattern }) => {
    const first = pattern.split("/")[0] ?? "";
    return /^[:*]/.test(first) || first === "" ? [] : [`${first}/`];
  });
}

/** Gives `check` each sample with the state that the samples before it leave. */
async function eachSample(
  backend: Backend,
  samples: readonly SampleRequest[],
  check: (sampled: Sampled) => Promise<void>,
): Promise<void> {
  const storage = new MemoryLogicalStorage();
  await backend.initialize?.(testContext({ storage }));
  for (const sample of samples) {
    const path = backend.route(sample.path)?.route;
    assert.ok(path !== undefined, `a path serves ${sample.path}`);
    const fork = (): RequestContext & { readonly storage: MemoryLogicalStorage } => {
      const copy = new MemoryLogicalStorage();
      for (const [name, value] of storage.rows) copy.put(name, value);
      return { ...testContext(), storage: copy };
    };
    await check({ backend, path, sample, fork });
    await dispatch(backend, testContext({ storage }), testRequest(sample));
  }
}

/** A transaction may run a handler several times: the same state, time and entropy must give the same answer and rows. */
async function checkRerun({ backend, sample, fork }: Sampled): Promise<void> {
  const contexts = [fork(), fork()] as const;
  const answers: string[] = [];
  for (const context of contexts) answers.push(render(await dispatch(backend, context, testRequest(sample))));
  assert.equal(answers[0], answers[1]);
  assert.deepEqual(contexts[0].storage.rows, contexts[1].storage.rows);
  if (sample.operation === "read" || sample.operation === "list") {
    assert.deepEqual(contexts[0].storage.rows, fork().storage.rows, "reading changes nothing");
  }
}

async function checkUnknown({ backend, path, sample, fork }: Sampled): Promise<void> {
  const strange = ["constructor", "no_such_parameter"];
  const request = isWrite(sample.operation)
    ? testRequest({
        ...sample,
        body: withMembers(
          sample.body,
          strange.map((name) => `"${name}":1`),
        ),
      })
    : testRequest({ ...sample, query: { ...sample.query, constructor: "1", no_such_parameter: "1" } });
  const response = await dispatch(backend, fork(), request);
  const expected = "Endpoint ignored these unrecognized parameters: [constructor no_such_parameter]";
  assert.equal(response.warnings?.includes(expected) ?? false, path.takesArbitraryInput !== true);
}

async function checkHostile({ backend, path, sample, fork }: Sampled): Promise<void> {
  for (const name of Object.keys(path.fields)) {
    for (const value of HOSTILE_VALUES) {
      const request = isWrite(sample.operation)
        ? testRequest({ ...sample, body: replaceMember(sample.body, name, value) })
        : testRequest({ ...sample, query: { ...sample.query, [name]: value } });
      try {
        render(await dispatch(backend, fork(), request));
      } catch (thrown) {
        assert.ok(thrown instanceof LogicalError, `${name} = ${value}: ${String(thrown)}`);
      }
    }
  }
}

function isWrite(operation: Operation): boolean {
  return operation === "create" || operation === "update" || operation === "patch";
}

function withMembers(body: string | undefined, members: readonly string[]): string {
  const own = body === undefined ? [] : memberTexts(body);
  return `{${[...own, ...members].join(",")}}`;
}

function replaceMember(body: string | undefined, name: string, value: string): string {
  const kept = memberTexts(body ?? "{}").filter((text) => !text.startsWith(`"${name}":`));
  return `{${[...kept, `"${name}":${value}`].join(",")}}`;
}

function memberTexts(body: string): string[] {
  const members = parseJson(utf8(body)).object()?.members() ?? [];
  return members.map((member) => `${fromUtf8(member.keyBytes)}:${fromUtf8(member.value.bytes())}`);
}

/** The whole answer as text; its JSON must be good. */
function render(response: LogicalResponse): string {
  const plain =
    response.kind === "auth"
      ? { ...response.grant, metadata: Object.fromEntries(response.grant.metadata) }
      : { ...response };
  const bytes = encodeJson(plain as Parameters<typeof encodeJson>[0]);
  parseJson(bytes);
  return fromUtf8(bytes);
}

function throwsCode(body: () => unknown, code: LogicalErrorCode): void {
  assert.throws(body, (thrown: StrongroomError) => thrown instanceof LogicalError && thrown.code === code);
}
