// SPDX-License-Identifier: Apache-2.0
// The shell around all pages.
import { render } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { access, Failure, knowMe, login, may, type Role, seen, who } from "./api";
import { AssetPage } from "./asset";
import { count, language, speak, t, texts, told, type Key } from "./lang";
import { lazy } from "./lazy";
import { link, startLive, status, watch } from "./live";
import { leave, Login, MustChange } from "./login";
import { Overview } from "./overview";
import { route } from "./route";
import "./theme";
import { Empty, Loading } from "./ui";

/** bare: it has the whole screen. */
interface PageOf { id: string; name?: Key; icon?: string; role?: Role; bare?: true; draw: (() => preact.JSX.Element) & { begin?(): void } }
const shop = () => import("./shop_pages"), house = () => import("./house_pages");
const pages: PageOf[] = [
  { id: "", name: "overview", icon: "M2 2h5v5H2zM9 2h5v5H9zM2 9h5v5H2zM9 9h5v5H9z", draw: () => <Overview /> },
  { id: "floor", name: "floor", icon: "M2 14V7l4 2.5V7l4 2.5V2.5h3.5V14zM5 12h1M9 12h1", draw: lazy(() => shop().then((m) => () => <m.FloorPage />)) },
  { id: "stops", name: "stops", icon: "M5.5 1.5h5l4 4v5l-4 4h-5l-4-4v-5zM5.5 5.5v5h5v-5z", draw: lazy(() => shop().then((m) => () => <m.StopsPage />)) },
  { id: "oee", name: "oee", icon: "M2 12.5a6 6 0 1112 0M8 12.5l3-4.5M8 12.5h.1", draw: lazy(() => shop().then((m) => () => <m.OeePage />)) },
  { id: "orders", name: "orders", icon: "M4 2.5h8v12H4zM6 1.5h4v2H6zM6 7h4M6 9.5h4M6 12h2.5", draw: lazy(() => shop().then((m) => () => <m.OrdersPage />)) },
  { id: "alarms", name: "alarms", icon: "M8 2a4 4 0 00-4 4v3l-1.5 2.5h11L12 9V6a4 4 0 00-4-4zM6.5 13.5a1.6 1.6 0 003 0", draw: lazy(() => house().then((m) => () => <m.AlarmsPage />)) },
  { id: "watches", name: "watches", icon: "M1 8c3.5-6.5 10.5-6.5 14 0-3.5 6.5-10.5 6.5-14 0zM8 10.2a2.2 2.2 0 100-4.4 2.2 2.2 0 000 4.4z", draw: lazy(() => house().then((m) => () => <m.WatchesPage />)) },
  { id: "security", name: "security", icon: "M8 1.5l5.5 2v4c0 3.5-2.5 6-5.5 7-3-1-5.5-3.5-5.5-7v-4zM5.5 8l1.8 1.8L10.8 6", draw: lazy(() => import("./security").then((m) => () => <m.SecurityPage />)) },
  { id: "chart", name: "chart", icon: "M2 2v12h12M4.5 10.5l3-4 2.5 2L14 4", draw: lazy(() => import("./chart").then((m) => () => <m.ChartPage />)) },
  { id: "couplings", name: "couplings", icon: "M6.5 9.5l3-3M5 7L3.2 8.8a2.8 2.8 0 004 4L9 11M7 5l1.8-1.8a2.8 2.8 0 014 4L11 9", draw: lazy(() => house().then((m) => () => <m.CouplingsPage />)) },
  { id: "partners", name: "partners", role: "engineer", icon: "M1.5 14v-8l4-3v11M5.5 14h9v-6l-4-2.5v8.5M8 14v-3M1.5 14h4", draw: lazy(() => house().then((m) => () => <m.PartnersPage />)) },
  { id: "sql", name: "sql", role: "engineer", icon: "M2 4c0-2.4 12-2.4 12 0v8c0 2.4-12 2.4-12 0zM2 4c0 2.4 12 2.4 12 0M2 8c0 2.4 12 2.4 12 0", draw: lazy(() => house().then((m) => () => <m.Sql />)) },
  { id: "audit", name: "audit", role: "engineer", icon: "M3.5 1.5h9v13h-9zM6 5h4M6 8h4M6 11h2.5", draw: lazy(() => house().then((m) => () => <m.AuditPage />)) },
  { id: "users", name: "users", role: "owner", icon: "M6 7.5a2.5 2.5 0 100-5 2.5 2.5 0 000 5zM1.5 13.5c0-5.3 9-5.3 9 0M10.5 7.5a2.2 2.2 0 10-1-4.2M12 9.2c1.6.6 2.5 2 2.5 4.3", draw: lazy(() => house().then((m) => () => <m.UsersPage />)) },
  { id: "settings", name: "settings", icon: "M2 4.5h7M12 4.5h2M2 11.5h2M7 11.5h7M10.5 3v3M5.5 10v3", draw: lazy(() => house().then((m) => () => <m.Settings />)) },
  { id: "account", name: "account", icon: "M8 8a3 3 0 100-6 3 3 0 000 6zM2.5 14c0-5.5 11-5.5 11 0", draw: lazy(() => house().then((m) => () => <m.AccountPage />)) },
  { id: "tablet", bare: true, draw: lazy(() => shop().then((m) => () => <m.TabletPage />)) },
  { id: "wall", bare: true, draw: lazy(() => shop().then((m) => () => <m.WallPage />)) },
  { id: "asset", draw: () => <AssetPage /> },
  { id: "start", role: "engineer", draw: lazy(() => house().then((m) => () => <m.Start />)) },
];

function useAt() {
  const { page } = route.use();
  return page === "asset" || page === "start" ? "" : page;
}
function Nav({ open, close }: { open: boolean; close: () => void }) {
  const at = useAt();
  return <nav id="nav" class={open ? "open" : ""} aria-label={t("pages")}>
    {pages.map((p) => p.name && (!p.role || may(p.role)) && <a key={p.id} href={`#/${p.id}`} aria-current={at === p.id ? "page" : undefined} onClick={close}>
      <svg viewBox="0 0 16 16" aria-hidden="true"><path d={p.icon} /></svg>{t(p.name)}</a>)}
  </nav>;
}
/** On a phone what is looked at most is under the thumb. */
function Thumb() {
  const at = useAt();
  return <nav class="thumb" aria-label={t("phone")}>{pages.filter((p) => /^(floor|stops|alarms)$/.test(p.id)).map((p) => <a key={p.id} href={`#/${p.id}`} aria-current={at === p.id ? "page" : undefined}>
    <svg viewBox="0 0 16 16" aria-hidden="true"><path d={p.icon} /></svg>{t(p.name!)}</a>)}</nav>;
}
/** How many alarms nobody has seen yet; those that come are said to who cannot see them. */
function Bell() {
  const n = status.use()?.alarms, said = useRef<HTMLSpanElement>(null);
  useEffect(() => watch((a) => {
    if (a?.state === "unacknowledged" && said.current) said.current.textContent = t("alarm.new", { text: told(a.text) });
  }), []);
  const open = n?.unacknowledged ?? 0, active = n?.active ?? 0;
  return <><a class={`bell button${open ? " open" : ""}`} href="#/alarms" title={t("alarms.bell", { n: count(open), active: count(active) })} aria-label={t("alarms.bell", { n: count(open), active: count(active) })}>
    <svg viewBox="0 0 16 16" aria-hidden="true"><path d={pages.find((p) => p.id === "alarms")!.icon} /></svg>{open > 0 && <b>{open > 999 ? "999+" : open}</b>}</a><span class="hidden" role="status" ref={said} /></>;
}
function Bar({ menu, open }: { menu: () => void; open: boolean }) {
  const s = status.use(), l = link.use(), me = who.use();
  return <header>
    <button class="menu" aria-expanded={open} aria-controls="nav" onClick={menu} aria-label={t("menu")}>☰</button>
    <a class="brand" href="#/" aria-label="koppel"><svg viewBox="0 0 16 16" aria-hidden="true"><rect width="16" height="16" rx="3.5" /><path d="M4.5 3.5v9M4.5 9l5-4.5M7 7l4.5 5.5" /></svg><b>koppel</b></a>
    <span class="node">{s?.node}</span>
    <span class={`live ${l}`} role="status">{l === "open" ? t("live") : l === "lost" ? t("noAnswer") : t("loggedOut")}</span>
    <span class="grow" />
    <Bell />
    {me && <a class="me" href="#/account" title={t("account")}>{me.displayName ?? me.user}<small>{t(`role.${me.role}`)}</small></a>}
    <button class="tongue" aria-label={t("switchLanguage")} title={t("switchLanguage")} onClick={() => void speak(language.get() === "nl" ? "en" : "nl")}>{language.get() === "nl" ? "EN" : "NL"}</button>
    <button onClick={leave}>{t("logout")}</button>
  </header>;
}
function Content() {
  const r = route.use(), page = pages.find((p) => p.id === r.page);
  if (!page) return <Empty title={t("noPage")}><p><a href="#/">{t("overview")}</a></p></Empty>;
  if (page.role && !may(page.role)) return <Empty title={t("denied")}><p>{t("denied.text", { mine: t(`role.${who.get()!.role}`), role: t(`role.${page.role}`) })}</p><p><a class="button" href="#/">{t("overview")}</a></p></Empty>;
  return page.draw();
}
/** A screen on the wall has nobody to log it in: its address holds a token, and it goes in with that as often as it has to. */
function useKey(a: string, key: string | null) {
  useEffect(() => {
    if (a !== "out" || !key) return;
    let timer = 0;
    const enter = () => void login({ token: key }).catch((e) => (e instanceof Failure ? Login.said.set(e.message) : (timer = window.setTimeout(enter, 2000))));
    enter();
    return () => clearTimeout(timer);
  }, [a, key]);
}
function App() {
  language.use();
  const a = access.use(), me = who.use(), r = route.use(), l = link.use(), [open, setOpen] = useState(false);
  useKey(a, r.page === "wall" ? r.params.get("token") : null);
  useEffect(() => {
    document.getElementById("main")?.scrollTo(0, 0);
  }, [r.page, r.rest]);
  if (a === "entering") return l === "lost" ? <div class="notice bad top" role="alert">{t("lost")}</div> : <Loading />;
  if (a === "out" || !me) return <Login />;
  if (me.mustChangePassword) return <MustChange />;
  if (pages.find((p) => p.id === r.page)?.bare) return <main id="main" class="bare" tabIndex={-1}>{l === "lost" && r.page !== "wall" && <div class="notice bad top" role="alert">{t("lost")}</div>}<Content /></main>;
  return <><a class="skip" href="#main" onClick={(e) => { e.preventDefault(); document.getElementById("main")!.focus(); }}>{t("skip")}</a>
    <Bar menu={() => setOpen(!open)} open={open} />
    {l === "lost" && <div class="notice bad top" role="alert">{t("lost")}</div>}
    <div class="body"><Nav open={open} close={() => setOpen(false)} />
      <main id="main" tabIndex={-1}><Content /></main></div><Thumb /></>;
}

/** Who is in is known before a page is drawn: it says what may be asked. */
async function enter() {
  const given = new URLSearchParams(location.hash.slice(1)), code = given.get("code"), token = given.get("token");
  if (code || token) {
    history.replaceState(null, "", location.pathname + "#/");
    route.set({ page: "", rest: "", params: new URLSearchParams() });
    await login(code ? { code } : { token: token! }).catch((e) => (Login.said.set(e.message), access.set("out")));
  } else await knowMe();
}
async function begin() {
  for (;;) try {
    await enter();
    link.set("open");
    return;
  } catch (e) {
    link.set(e instanceof Failure ? "open" : "lost");
    await new Promise((r) => setTimeout(r, 1000));
  }
}
pages.find((p) => p.id === route.get().page)?.draw.begin?.(); // while it is asked who is in
const draw = () => render(<App />, document.getElementById("app")!);
const slow = setTimeout(draw, 300); // a node that answers at once has no page of waiting
void Promise.all([begin(), texts().catch(() => null)]).then(() => (clearTimeout(slow), draw(), seen)).then(startLive);
