// SPDX-License-Identifier: Apache-2.0
import { kept } from "./cell";

/** auto (as the system has it), light or dark. */
export const theme = kept("theme", "auto");
const apply = () => (document.documentElement.dataset.theme = theme.get());
theme.on(apply);
apply();
