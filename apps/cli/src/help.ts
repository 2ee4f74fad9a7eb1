/** Help texts, made from the commands' own declarations. */

import type { Command } from "./command.ts";
import { COMMANDS } from "./commands.ts";

/** All commands, or those of one group such as `operator raft`. */
export function overview(group: string): string {
  const names = Object.keys(COMMANDS).filter((name) => group === "" || name.startsWith(`${group} `));
  const width = Math.max(...names.map((name) => name.length));
  const lines = names.map((name) => `  ${name.padEnd(width)}   ${COMMANDS[name]?.summary ?? ""}`);
  const title =
    group === "" ? "strongroom <command> [options] [arguments]" : `strongroom ${group} <command> [options] [arguments]`;
  const environment = group === "" ? `\n${ENVIRONMENT}` : "";
  return `Usage: ${title}\n\nCommands:\n${lines.join("\n")}\n${environment}\nHelp on one: strongroom ${group === "" ? "" : `${group} `}<command> -help\n`;
}

/** What no option says. */
const ENVIRONMENT = `Environment, besides what options name; each also begins with STRONGROOM_ in the place of VAULT_, and then wins:
  VAULT_TOKEN            The token; without it what \`login\` left in ~/.vault-token.
  VAULT_CLIENT_TIMEOUT   How long to wait for an answer: seconds, or a duration such as 2m; 0 is for ever. 60s.
  VAULT_MAX_RETRIES      How often to send again what failed: reads whenever the reason may pass, writes where nothing was
                         done. 0.
  VAULT_PROXY_ADDR       The proxy that requests go through, also as VAULT_HTTP_PROXY.
`;

export function commandHelp(name: string, command: Command): string {
  const flags = Object.entries(command.flags).map(([flag, { kind, value, alias, help }]) => {
    const given = kind === "switch" ? "" : `=${value ?? (kind === "integer" ? "N" : "VALUE")}`;
    const shown = [flag, ...(alias === undefined ? [] : [alias])].map((name) => `-${name}${given}`).join(", ");
    return `  ${shown}\n      ${help}`;
  });
  const options = flags.length === 0 ? "" : `\nOptions:\n${flags.join("\n")}\n`;
  return `Usage: strongroom ${name} ${command.usage}\n\n${command.description.trim()}\n${options}`;
}
