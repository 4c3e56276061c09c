// SPDX-License-Identifier: Apache-2.0
// The shell around all pages.
import { render } from "preact";
import { useEffect, useState } from "preact/hooks";
import { access, knowMe, login, logout, who } from "./api";
import { language, t, type Key } from "./lang";
import { link, startLive, status } from "./live";
import { Login } from "./login";
import { AssetPage } from "./asset";
import { ChartPage } from "./chart";
import { CouplingsPage } from "./couplings";
import { Overview } from "./overview";
import { route } from "./route";
import { Settings } from "./settings";
import { Sql } from "./sql";
import { Start } from "./start";
import "./theme";
import { Empty, Loading } from "./ui";

const pages: { id: string; name: Key; icon: string; draw: () => preact.JSX.Element }[] = [
  { id: "", name: "overview", icon: "M2 2h5v5H2zM9 2h5v5H9zM2 9h5v5H2zM9 9h5v5H9z", draw: () => <Overview /> },
  { id: "chart", name: "chart", icon: "M2 2v12h12M4.5 10.5l3-4 2.5 2L14 4", draw: () => <ChartPage /> },
  { id: "couplings", name: "couplings", icon: "M6.5 9.5l3-3M5 7L3.2 8.8a2.8 2.8 0 004 4L9 11M7 5l1.8-1.8a2.8 2.8 0 014 4L11 9", draw: () => <CouplingsPage /> },
  { id: "sql", name: "sql", icon: "M2 4c0-2.4 12-2.4 12 0v8c0 2.4-12 2.4-12 0zM2 4c0 2.4 12 2.4 12 0M2 8c0 2.4 12 2.4 12 0", draw: () => <Sql /> },
  { id: "settings", name: "settings", icon: "M2 4.5h7M12 4.5h2M2 11.5h2M7 11.5h7M10.5 3v3M5.5 10v3", draw: () => <Settings /> },
];
const others: Record<string, () => preact.JSX.Element> = { asset: () => <AssetPage />, start: () => <Start /> };

function Nav({ open, close }: { open: boolean; close: () => void }) {
  const { page } = route.use(), at = page === "asset" || page === "start" ? "" : page;
  return <nav id="nav" class={open ? "open" : ""} aria-label={t("pages")}>
    {pages.map((p) => <a key={p.id} href={`#/${p.id}`} aria-current={at === p.id ? "page" : undefined} onClick={close}>
      <svg viewBox="0 0 16 16" aria-hidden="true"><path d={p.icon} /></svg>{t(p.name)}</a>)}
  </nav>;
}
function Bar({ menu, open }: { menu: () => void; open: boolean }) {
  const s = status.use(), l = link.use(), me = who.use();
  return <header>
    <button class="menu" aria-expanded={open} aria-controls="nav" onClick={menu} aria-label={t("menu")}>☰</button>
    <a class="brand" href="#/" aria-label="koppel"><svg viewBox="0 0 16 16" aria-hidden="true"><rect width="16" height="16" rx="3.5" /><path d="M4.5 3.5v9M4.5 9l5-4.5M7 7l4.5 5.5" /></svg><b>koppel</b></a>
    <span class="node">{s?.node}</span>
    <span class={`live ${l}`} role="status">{l === "open" ? t("live") : l === "lost" ? t("noAnswer") : t("loggedOut")}</span>
    <span class="grow" />
    {me && <span class="soft me">{me.user}</span>}
    <button aria-label={t("switchLanguage")} title={t("switchLanguage")} onClick={() => language.set(language.get() === "nl" ? "en" : "nl")}>{language.get() === "nl" ? "EN" : "NL"}</button>
    <button onClick={() => void logout()}>{t("logout")}</button>
  </header>;
}
function App() {
  language.use();
  const a = access.use(), r = route.use(), l = link.use(), [open, setOpen] = useState(false);
  useEffect(() => {
    document.getElementById("main")?.scrollTo(0, 0);
  }, [r.page, r.rest]);
  if (a === "entering") return <Loading />;
  if (a === "out") return <Login />;
  const draw = pages.find((p) => p.id === r.page)?.draw ?? others[r.page];
  return <><a class="skip" href="#main" onClick={(e) => { e.preventDefault(); document.getElementById("main")!.focus(); }}>{t("skip")}</a>
    <Bar menu={() => setOpen(!open)} open={open} />
    {l === "lost" && <div class="notice bad top" role="alert">{t("lost")}</div>}
    <div class="body"><Nav open={open} close={() => setOpen(false)} />
      <main id="main" tabIndex={-1}>{draw ? draw() : <Empty title={t("noPage")}><p><a href="#/">{t("overview")}</a></p></Empty>}</main></div></>;
}

/** Pages are drawn at once; the first that is refused leads to the log-in. */
async function enter() {
  const given = new URLSearchParams(location.hash.slice(1)), code = given.get("code"), token = given.get("token");
  if (code || token) {
    history.replaceState(null, "", location.pathname + "#/");
    route.set({ page: "", rest: "", params: new URLSearchParams() });
    access.set("entering");
    await login(code ? { code } : { token: token! }).catch((e) => (Login.said.set(e.message), access.set("out")));
  } else setTimeout(() => void knowMe().catch(() => null));
  setTimeout(startLive); // what the page asks goes first
}
void enter();
render(<App />, document.getElementById("app")!);
