/** A file system of a node's own that can be made full and wide again without writing to it: tmpfs, in a sandbox. */
import { mkdirSync, statfsSync } from "node:fs";
import { run } from "./sandbox.ts";

const WIDE = "2g";

export class SmallDisk {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
    mkdirSync(path, { recursive: true });
    run("mount", "-t", "tmpfs", "-o", `size=${WIDE},mode=0700`, "tmpfs", path);
  }

  /** Leaves so many bytes. */
  fill(left: number): void {
    const { blocks, bfree, bsize } = statfsSync(this.#path);
    run("mount", "-o", `remount,size=${(blocks - bfree) * bsize + left}`, this.#path);
  }

  unmount(): void {
    run("umount", this.#path);
  }

  free(): void {
    run("mount", "-o", `remount,size=${WIDE}`, this.#path);
  }
}
