/** A file system of a node's own that can be made full and wide again without writing to it: tmpfs, in a sandbox. */
import { mkdirSync, statfsSync } from "node:fs";
import { run } from "./sandbox.ts";

const WIDE = "2g";
const STEP_BYTES = 256 * 1024;
const ATTEMPTS_MAX = 20;

export class SmallDisk {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
    mkdirSync(path, { recursive: true });
    run("mount", "-t", "tmpfs", "-o", `size=${WIDE},mode=0700`, "tmpfs", path);
  }

  /** Leaves so many bytes, or some more: it cannot become smaller than what is written meanwhile. */
  fill(left: number): void {
    for (let attempt = 0; ; attempt++) {
      const { blocks, bfree, bsize } = statfsSync(this.#path);
      const size = (blocks - bfree) * bsize + left + attempt * STEP_BYTES;
      try {
        run("mount", "-o", `remount,size=${size}`, this.#path);
        return;
      } catch (error) {
        if (attempt === ATTEMPTS_MAX) throw error;
      }
    }
  }

  unmount(): void {
    run("umount", this.#path);
  }

  free(): void {
    run("mount", "-o", `remount,size=${WIDE}`, this.#path);
  }
}
