/**
 * Loaded first in every thread of a server. What a thread compiled goes to the cache as soon as it is loaded: by itself Node
 * does that when the thread ends, too late for the other nodes that a demo starts a moment after.
 */
import module from "node:module";
import { setTimeout } from "node:timers/promises";

// The thread's own modules are loaded without a pause, so they are all there when the first timer fires.
void setTimeout(1, undefined, { ref: false }).then(() => module.flushCompileCache());
