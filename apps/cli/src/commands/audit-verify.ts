import { type AuditProblem, type VerifyReport, verifyStream } from "@strongroom/audit";
import { asError } from "@strongroom/runtime";
import { type Command, defineCommand, EXIT, LocalError } from "../command.ts";
import { print, table } from "../output.ts";
import { FORMAT_FLAG, formatFrom } from "../settings.ts";

export const auditVerify: Command = defineCommand({
  usage: "[options] FILE|DIRECTORY…",
  description: `Checks that audit records are those that were written: each names the one before it by its hash, none is
missing, and no stream ends before it was seen to end. Takes what a file device wrote, or the "audit" directory of a node's
data, whose streams are checked against each other as well. It needs no key and no server. A file that a running server writes to
may seem to end within a line; check again.

Exit code 0: nothing is wrong; 1: something is, and each finding is printed.

  $ strongroom audit verify /var/log/strongroom/audit.log
  $ strongroom audit verify /var/lib/strongroom/audit`,
  flags: FORMAT_FLAG,
  positional: { min: 1, max: 1000 },
  async run(context, { flags, positional }) {
    const format = formatFrom(context, flags.format);
    let code: number = EXIT.ok;
    for (const path of positional) {
      const report = verified(path);
      if (report.problemCount > 0) code = EXIT.local;
      const body = { path, ...report };
      const printed = print(context, format, { body, fields: body, table: () => text(path, report) });
      if (printed !== EXIT.ok) return printed;
    }
    return code;
  },
});

function verified(path: string): VerifyReport {
  let report: VerifyReport;
  try {
    report = verifyStream(path);
  } catch (error) {
    throw new LocalError(`cannot read audit records: ${asError(error).message}`, { cause: error });
  }
  if (report.records === 0 && report.problemCount === 0) throw new LocalError(`there are no audit records in ${path}`);
  return report;
}

function text(path: string, report: VerifyReport): string {
  const { records, repeated, altered, dropped, streams, problems, problemCount } = report;
  const rows = streams.map(({ stream, firstSeq, lastSeq, end, head }) => [
    stream,
    String(firstSeq),
    String(lastSeq),
    end,
    head.slice(0, 16),
  ]);
  const notes = [
    ...(repeated > 0 ? [`${repeated} came twice, alike: they were delivered again after a failure.`] : []),
    ...(altered > 0 ? [`${altered} are in a device's own form: their order was checked, their content was not.`] : []),
    ...(dropped > 0 ? [`${dropped} were deleted before this device had them, as the stream itself records.`] : []),
  ];
  const verdict =
    problemCount === 0
      ? `${path}: ${records} records, nothing is wrong.`
      : `${path}: ${records} records, ${problemCount} findings${problems.length < problemCount ? `, of which ${problems.length} follow` : ""}:\n${problems.map(line).join("\n")}`;
  return `${table(["Stream", "First", "Last", "End", "Head"], rows)}\n${[...notes, verdict].join("\n")}\n`;
}

function line({ file, line: number, kind, message }: AuditProblem): string {
  return `  ${file}${number === 0 ? "" : `:${number}`}: ${kind}: ${message}`;
}
