// SPDX-License-Identifier: Apache-2.0
// Work orders as the node tells them. What says nothing is left out.
export interface Operation {
  id: number; number: string; name?: string; asset?: string; machineGroup?: string; program?: string; item?: string; line?: string; quantity: number; cycle?: string; setup?: string; due?: string;
  state: string; good: number; scrap: number; startedAt?: string; finishedAt?: string; workedSeconds: number; remainingSeconds?: number;
}
export interface Order {
  id: number; direction: "in" | "out"; sender?: string; number: string; customer?: string; item?: string; description?: string; unit?: string; quantity?: number; due?: string; state: string;
  confirmation?: string; promised?: string; comment?: string; folder?: string; source?: string; received?: string; late: boolean; operations: Operation[];
}
export interface Booking {
  id: number; order: number; operation: number; sender?: string; number: string; operationNumber: string; item?: string; asset?: string; program?: string; start: string; end?: string; good: number; scrap: number;
  runningSeconds: number; setupSeconds: number; otherSeconds: number; via?: string; who?: string; comment?: string; written?: string;
}
export const living = (o: { state: string }) => o.state !== "finished" && o.state !== "cancelled";
/** Of 1: how much of the work is done, each operation for as much as the others. */
export const progress = (o: Order) => (o.operations.length ? o.operations.reduce((n, x) => n + (x.state === "finished" ? 1 : x.quantity > 0 ? Math.min(1, x.good / x.quantity) : 0), 0) / o.operations.length : 0);
export const looks: Record<string, string> = { open: "var(--info)", started: "var(--run)", interrupted: "var(--idle)", finished: "var(--faint)", cancelled: "var(--soft)" };
