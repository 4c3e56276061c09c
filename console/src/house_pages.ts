// SPDX-License-Identifier: Apache-2.0
// What looks after the node and its surroundings, in one piece as those of the shop floor.
export { AccountPage } from "./account";
export { AlarmsPage } from "./alarms";
export { AuditPage } from "./audit";
export { CouplingsPage } from "./couplings";
export { PartnersPage } from "./partners";
export { Settings } from "./settings";
export { Sql } from "./sql";
export { Start } from "./start";
export { UsersPage } from "./users";
export { WatchesPage } from "./watches";
