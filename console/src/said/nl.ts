// SPDX-License-Identifier: Apache-2.0
import { clock, number, sayBy } from "../lang";
import { speaker } from ".";
import table from "./nl.json";

sayBy("nl", speaker({ ...table.said, ...table.others }, number, clock));
export default {};
