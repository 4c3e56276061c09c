// SPDX-License-Identifier: Apache-2.0
// What the shop floor looks at, in one piece: packed together they weigh less than one by one.
export { FloorPage } from "./floor";
export { OeePage } from "./oee";
export { OrdersPage } from "./orders";
export { StopsPage } from "./stops";
export { TabletPage } from "./tablet";
export { WallPage } from "./wall";
