/** Transcripts of membership changes: `simple`, `enter-joint`, `leave-joint`, on one configuration per file. */

import { ConfChangeError, toIndex } from "@strongroom/raft";
import { Changer, describeConfig, describeProgressMap, parseChanges, Tracker } from "@strongroom/raft/testing";
import { type Handler, valuesOf } from "./datadriven.ts";

/** A handler that starts with no members. Each directive raises the last index by one, which shows in `next`. */
export function confChangeHandler(): Handler {
  const tracker = new Tracker({ messages: 10, bytes: Number.POSITIVE_INFINITY });
  let lastIndex = 0;
  return (directive) => {
    const changer = new Changer(tracker, toIndex(lastIndex++));
    const changes = parseChanges(directive.input);
    try {
      const { config, progress } = (() => {
        switch (directive.command) {
          case "simple":
            return changer.simple(changes);
          case "enter-joint":
            return changer.enterJoint(valuesOf(directive, "autoleave")[0] === "true", changes);
          case "leave-joint":
            return changer.leaveJoint();
          default:
            throw new Error(`unknown command ${directive.command}`);
        }
      })();
      tracker.setConfig(config, progress);
    } catch (error) {
      if (error instanceof ConfChangeError) return error.message;
      throw error;
    }
    return `${describeConfig(tracker.config)}\n${describeProgressMap(tracker.progress)}`;
  };
}
