/** What becomes of a program whose reader has gone, as `strongroom kv list secret | head -1`: Node would print a stack. */

/** What a shell makes of a program that ended by SIGPIPE. */
const EXIT_BROKEN_PIPE = 141;

/** A command ends without a word, as others do; a server whose log nobody reads any more goes on. */
export function mindBrokenPipes(
  streams: readonly NodeJS.WritableStream[],
  server: boolean,
  exit: (code: number) => void,
): void {
  for (const stream of streams) {
    stream.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code !== "EPIPE") throw error;
      if (!server) exit(EXIT_BROKEN_PIPE);
    });
  }
}
