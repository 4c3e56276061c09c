// SPDX-License-Identifier: Apache-2.0
// Texts of the pages on security, which most people seldom open.
import { more } from "..";
import en from "./en.json";
import nl from "./nl.json";

more({ en, nl });
