/** Records that a stream writes about itself. Their shape is in docs/formats/audit.md. */
import { quote } from "../record/quote.ts";

/** How a stream was found to have ended. */
export interface StreamEnd {
  readonly stream: string;
  readonly seq: number;
  readonly hash: string;
}

export type ControlEvent =
  /** A stream's first record: the ends of those before it, newest first. */
  | { readonly event: "start"; readonly node: string; readonly worker: string; readonly after: readonly StreamEnd[] }
  | { readonly event: "end"; readonly reason: "closed" | "recovered"; readonly tornBytes?: number }
  /** The disk takes records again; what was refused meanwhile. */
  | { readonly event: "resumed"; readonly error: string; readonly refused: number }
  /** Records that were deleted before these devices had them. */
  | {
      readonly event: "dropped";
      readonly stream: string;
      readonly fromSeq: number;
      readonly toSeq: number;
      readonly devices: readonly string[];
    };

/** A record's JSON without its closing brace. */
export function controlRecord(time: string, control: ControlEvent): string {
  const open = `{"time":"${time}","type":"stream","event":"${control.event}"`;
  switch (control.event) {
    case "start": {
      const after = control.after.map(
        ({ stream, seq, hash }) => `{"stream":"${stream}","seq":${seq},"hash":"${hash}"}`,
      );
      return `${open},"node":${quote(control.node)},"worker":${quote(control.worker)},"after":[${after.join(",")}]`;
    }
    case "end":
      return `${open},"reason":"${control.reason}"${control.tornBytes === undefined ? "" : `,"torn_bytes":${control.tornBytes}`}`;
    case "resumed":
      return `${open},"error":${quote(control.error)},"refused":${control.refused}`;
    case "dropped": {
      const devices = control.devices.map(quote).join(",");
      return `${open},"dropped":{"stream":"${control.stream}","from_seq":${control.fromSeq},"to_seq":${control.toSeq},"devices":[${devices}]}`;
    }
  }
}
