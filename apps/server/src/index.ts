/** The server: configuration, threads and wiring. The only place where all packages meet. */
export type { RestoreArguments, RestoredDirectory } from "./offline/restore.ts";
export { restoreDataDirectory } from "./offline/restore.ts";
export type { ServerArguments } from "./run-server.ts";
export { runServer } from "./run-server.ts";
