/**
 * Preloaded into servers of the leases' benchmark, and into no others: makes leases when the file that `LEASE_FILL_FILE` names
 * appears, in the worker that leads. A million by requests would take longer than all that is to be measured.
 */
import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { Core, type CoreDependencies } from "@strongroom/core";
import { fillLeases } from "@strongroom/core/testing";

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
  const looking = setInterval(() => {
    if (!existsSync(file) || !store.isLeaderNode() || barrier.sealed) return;
    const { mountUuid, count } = JSON.parse(readFileSync(file, "utf8")) as { mountUuid: string; count: number };
    try {
      // Of several that see it one takes it.
      renameSync(file, `${file}.taken`);
    } catch {
      return;
    }
    clearInterval(looking);
    const onProgress = (made: number): void => {
      if (made % 10_000 === 0) writeFileSync(`${file}.progress`, String(made));
    };
    fillLeases(dependencies, { mountUuid, count, onProgress }).then(
      () => writeFileSync(`${file}.done`, "ok"),
      (error: unknown) => writeFileSync(`${file}.done`, String(error)),
    );
  }, LOOK_MS);
}
