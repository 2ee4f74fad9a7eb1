/** Mount and path of a call as one path of the request path. Names follow the HTTP API's rules: the same code checks them. */
import { LogicalError } from "@strongroom/logical";
import { parseTarget } from "../http/target.ts";

/** Characters that stand for themselves in a request target. */
const PLAIN = /^[A-Za-z0-9/_.~-]*$/;

/** `secret` + `data` + `app/db` = `secret/data/app/db`. Throws `LogicalError`, and what `parseTarget` throws. */
export function kvPath(mount: string, section: string, path: string): string {
  const trimmed = mount.endsWith("/") ? mount.slice(0, -1) : mount;
  if (trimmed === "") throw new LogicalError("invalid_request", "mount is empty: say where the engine is mounted");
  const target = `/${trimmed}/${section}/${path}`;
  const encoded = PLAIN.test(target) ? target : target.split("/").map(encodeURIComponent).join("/");
  return parseTarget(encoded).path.slice(1);
}

/** As `kvPath`, for what needs a secret's name. */
export function secretPath(mount: string, section: string, path: string): string {
  if (path === "" || path.endsWith("/")) {
    throw new LogicalError("invalid_path", "path must name a secret: it may not be empty or end in a slash");
  }
  return kvPath(mount, section, path);
}
