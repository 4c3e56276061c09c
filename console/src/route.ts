// SPDX-License-Identifier: Apache-2.0
// The page and what it shows stand in the address behind '#', so that it can be kept and shared.
import { cell } from "./cell";

export interface Route { page: string; rest: string; params: URLSearchParams }
function read(): Route {
  const [path, params] = location.hash.replace(/^#\/?/, "").split("?", 2);
  const slash = path.indexOf("/");
  const decode = (s: string) => {
    try {
      return decodeURIComponent(s);
    } catch {
      return s;
    }
  };
  return { page: slash < 0 ? path : path.slice(0, slash), rest: slash < 0 ? "" : decode(path.slice(slash + 1)), params: new URLSearchParams(params ?? "") };
}
export const route = cell<Route>(read());
addEventListener("hashchange", () => route.set(read()));

const names = (path: string) => path.split("/").map(encodeURIComponent).join("/");
export const toAsset = (path: string) => `#/asset/${names(path)}`;
export const toChart = (paths: string[], from = "-1h") => `#/chart?${paths.map((p) => `s=${encodeURIComponent(p)}`).join("&")}&from=${from}`;
export const toCoupling = (name: string) => `#/couplings/${encodeURIComponent(name)}`;
export const go = (hash: string) => void (location.hash = hash);
/** Another address for what is seen already: the way back leads past it. */
export function replace(hash: string) {
  history.replaceState(null, "", hash);
  route.set(read());
}
