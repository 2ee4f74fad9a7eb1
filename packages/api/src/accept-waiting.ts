/** What a listener owes to connections that the kernel has made and nobody has accepted yet. */
import type { Timers } from "@strongroom/runtime";

/**
 * Lets all of them be accepted that are there by now. Closing a listener resets the others, although on a port that several
 * workers share the next one would have served them. The first turn may have begun before they were made; so few can come
 * between the second and the closing after it that, without the kernel's help (`net.ipv4.tcp_migrate_req`), no more can be done.
 */
export async function acceptWaiting(timers: Timers): Promise<void> {
  for (let turn = 0; turn < 2; turn++) await new Promise<void>((resolve) => timers.immediate(resolve));
}
