// SPDX-License-Identifier: Apache-2.0
// Texts of the pages on security, which most people seldom open.
import { more } from "..";
import en from "./en.json";

more(en, { nl: () => import("./nl.json") });
