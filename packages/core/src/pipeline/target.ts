/** What a request's path leads to: an endpoint of the server's own, or a path of a mounted backend. */
import type { Backend, MountInfo, PathDefinition, RouteMatch } from "@strongroom/logical";
import { present } from "@strongroom/runtime";
import type { Mount } from "../mounts.ts";
import type { SystemBackend } from "../system/system-backend.ts";
import type { SystemPath } from "../system/system-path.ts";

interface Routed {
  readonly mount: MountInfo;
  readonly backend: Backend;
  /** Below the mount. */
  readonly below: string;
  /** Undefined: no path of the backend serves it. */
  readonly match: RouteMatch<PathDefinition> | undefined;
}

export interface SystemTarget extends Routed {
  readonly kind: "system";
  readonly system: SystemBackend;
  readonly declared: SystemPath | undefined;
}

export interface EngineTarget extends Routed {
  readonly kind: "engine";
  readonly engine: Mount;
}

export type Target = SystemTarget | EngineTarget;

/** Throws `LogicalError` invalid_path. */
export function systemTarget(systems: readonly SystemBackend[], path: string): SystemTarget | undefined {
  for (const system of systems) {
    // Help is asked of the mount itself, too: `sys`.
    if (!`${path}/`.startsWith(system.mount.path)) continue;
    const below = path.slice(system.mount.path.length);
    const match = system.backend.route(below);
    const declared = match === undefined ? undefined : system.declaration(match.route);
    return { kind: "system", system, mount: system.mount, backend: system.backend, below, match, declared };
  }
  return undefined;
}

/** Throws `LogicalError` invalid_path. */
export function engineTarget(engine: Mount, path: string): EngineTarget {
  const below = path.slice(engine.entry.path.length);
  const { info, backend } = engine;
  return { kind: "engine", mount: info, backend, below, match: backend.route(below), engine };
}

/** Of a path that was found. */
export function declaredOf(target: SystemTarget): SystemPath {
  return present(target.declared, "a path that is served was declared");
}

/** Reachable without a token. */
export function isLogin(target: Target | undefined): boolean {
  if (target === undefined) return false;
  return target.kind === "system" ? target.declared?.access === "login" : target.match?.route.access === "login";
}

/** Root-protected. */
export function needsSudo(target: Target | undefined): boolean {
  if (target === undefined) return false;
  const byPath = target.match?.route.sudo === true;
  return byPath || (target.kind === "system" && target.declared?.access === "sudo");
}
