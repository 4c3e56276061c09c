// SPDX-License-Identifier: Apache-2.0
import { cell, kept } from "./cell";

/** auto (as the system has it), light or dark. */
export const theme = kept("theme", "auto");
const system = matchMedia("(prefers-color-scheme: dark)");
const resolve = () => (theme.get() === "dark" || (theme.get() === "auto" && system.matches) ? "dark" : "light");
/** light or dark, as it is now. */
export const look = cell<string>(resolve());
function apply() {
  document.documentElement.dataset.theme = resolve();
  look.set(resolve());
}
theme.on(apply);
system.addEventListener("change", apply);
apply();
