// SPDX-License-Identifier: Apache-2.0
// Texts of all pages but the first.
import { more } from "..";
import en from "./en.json";

more(en, { nl: () => import("./nl.json") });
