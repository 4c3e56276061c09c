// SPDX-License-Identifier: Apache-2.0
// Days as the calendar of the shop writes them.
export const weekdays = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
const two = (n: number) => String(n).padStart(2, "0");
export const dateText = (d: Date) => `${d.getFullYear()}-${two(d.getMonth() + 1)}-${two(d.getDate())}`;
/** "mon-wed,sat" as a list; nothing: every day. */
export function daysOf(text: string | null | undefined): string[] {
  const all = (text ?? "").split(",").map((s) => s.trim()).filter(Boolean).flatMap((part) => {
    const [a, b] = part.split("-").map((d) => weekdays.indexOf(d.trim()));
    return b === undefined ? [a] : Array.from({ length: ((b - a + 7) % 7) + 1 }, (_, i) => (a + i) % 7);
  });
  return weekdays.filter((_, i) => all.includes(i));
}
/** The same the other way, as short as people write it. */
export function daysText(of: string[]): string | null {
  const at = of.map((d) => weekdays.indexOf(d)), last = at.length - 1;
  if (!at.length || at.length === 7) return null;
  return last > 1 && at[last] - at[0] === last ? `${of[0]}-${of[last]}` : of.join(",");
}
/** The Dutch public holidays of a year. */
export function holidays(y: number): string[] {
  const a = y % 19, b = Math.floor(y / 100), c = y % 100, d = (19 * a + b - Math.floor(b / 4) - Math.floor((b - Math.floor((b + 8) / 25) + 1) / 3) + 15) % 30, e = (32 + 2 * (b % 4) + 2 * Math.floor(c / 4) - d - (c % 4)) % 7, m = d + e - 7 * Math.floor((a + 11 * d + 22 * e) / 451) + 114;
  const easter = new Date(y, Math.floor(m / 31) - 1, (m % 31) + 1), from = (n: number) => dateText(new Date(y, easter.getMonth(), easter.getDate() + n)), king = new Date(y, 3, 27);
  return [`${y}-01-01`, from(1), king.getDay() === 0 ? `${y}-04-26` : `${y}-04-27`, ...(y % 5 ? [] : [`${y}-05-05`]), from(39), from(50), `${y}-12-25`, `${y}-12-26`].sort();
}
