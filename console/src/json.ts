// SPDX-License-Identifier: Apache-2.0
/** Integers beyond 2^53 stay exact, as text. */
export function parse(text: string): any {
  if (!/\d{16}/.test(text)) return JSON.parse(text);
  return JSON.parse(text.replace(/"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?/g, (m) => (/^-?\d{16,}$/.test(m) ? `"${m}"` : m)));
}
