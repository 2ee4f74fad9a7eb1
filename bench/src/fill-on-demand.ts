/**
 * Preloaded into servers of the leases' benchmark, and into no others: does what a file asks for that appears beside
 * `LEASE_FILL_FILE`, in the worker that leads. A million leases by requests would take longer than all that is to be measured.
 */
import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { Core, type CoreDependencies } from "@strongroom/core";
import { fillLeases, fillLog } from "@strongroom/core/testing";

export interface FillRequest {
  readonly mountUuid: string;
  readonly leases: number;
  /** Written to the log besides. */
  readonly logBytes: number;
}

const file = process.env["LEASE_FILL_FILE"] ?? "";
const LOOK_MS = 200;

if (file !== "") {
  const open = Core.open.bind(Core);
  Core.open = (dependencies) => {
    watch(dependencies);
    return open(dependencies);
  };
}

function watch(dependencies: CoreDependencies): void {
  const { store, barrier } = dependencies;
  setInterval(() => {
    if (!existsSync(file) || !store.isLeaderNode() || barrier.sealed) return;
    const request = JSON.parse(readFileSync(file, "utf8")) as FillRequest;
    try {
      // Of several that see it one takes it.
      renameSync(file, `${file}.taken`);
    } catch {
      return;
    }
    serve(dependencies, request).then(
      () => writeFileSync(`${file}.done`, "ok"),
      (error: unknown) => writeFileSync(`${file}.done`, String(error)),
    );
  }, LOOK_MS);
}

async function serve(dependencies: CoreDependencies, { mountUuid, leases, logBytes }: FillRequest): Promise<void> {
  const onProgress = (made: number): void => {
    if (made % 10_000 === 0) writeFileSync(`${file}.progress`, String(made));
  };
  await fillLeases(dependencies, { mountUuid, count: leases, onProgress });
  await fillLog(dependencies.store, logBytes);
}
