/** The namespace that a client names, as HTTP and gRPC take it alike. */

const MAX_LENGTH = 1024;
const FORM = /^[A-Za-z0-9_-]+(\/[A-Za-z0-9_-]+)*$/;

/**
 * Without slashes around it; empty is the root namespace, which clients also call `root` or `/`. `undefined` for what is no
 * path of a namespace.
 */
export function namespacePath(given: string): string | undefined {
  if (given === "" || given === "/") return "";
  const path = given.replace(/^\/|\/$/g, "");
  if (path === "root") return "";
  return path.length <= MAX_LENGTH && FORM.test(path) ? path : undefined;
}
