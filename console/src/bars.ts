// SPDX-License-Identifier: Apache-2.0
// How high bars are.

export interface Bar { name: string; title: string; parts: { value: number; ink: string }[]; mark?: number }
const some = (v?: number) => (Number.isFinite(v) ? v! : 0); // nothing counts as 0
/** The highest of them, with its mark; 0: there is none. */
export const mostOf = (of: Pick<Bar, "parts" | "mark">[]) => Math.max(0, ...of.map((b) => Math.max(some(b.mark), b.parts.reduce((n, p) => n + some(p.value), 0))));
/** The share of the highest, in percent. */
export const heightOf = (v: number, most: number) => (most ? Math.max(0, (v / most) * 100) : 0);
