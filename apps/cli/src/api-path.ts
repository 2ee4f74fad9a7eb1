/** A path of the server's API as it is typed: blanks and slashes around it do not count, as in Vault's tool. */
export function apiPath(typed: string): string {
  return typed.trim().replace(/^\/+|\/+$/g, "");
}
