// SPDX-License-Identifier: Apache-2.0
// Who may get in: people, their sessions, and the tokens of programs.
import { useState } from "preact/hooks";
import { type Role, roles, send, useApi, who } from "./api";
import { t, word } from "./lang";
import { Answer, Choose, Confirm, Dialog, Empty, Field, Mark, Once, Page, Problem, Sessions, Table, Time } from "./ui";

interface User { name: string; role: Role | "member"; displayName: string | null; language: string | null; mail: string | null; disabled: boolean; mustChangePassword: boolean; totp: boolean; created: string | null; seen: string | null; password?: string }
interface Token { name: string; write: string | null; created: string | null; role: Role | null; expires: string | null }
const at = (name: string) => `users/${encodeURIComponent(name)}`;
const roleNames = () => (["member", ...roles] as const).map((r) => [r, `${word("role", r)}: ${word("roleText", r)}`] as [string, string]);

function Form({ of, close }: { of: User | null; close: (made?: User) => void }) {
  const [role, setRole] = useState<string>(of?.role ?? "viewer"), [speaks, setSpeaks] = useState(of?.language ?? ""), [error, setError] = useState<Error | null>(null), [busy, setBusy] = useState(false);
  const save = async (e: SubmitEvent) => {
    e.preventDefault();
    const f = new FormData(e.currentTarget as HTMLFormElement), say = (k: string) => String(f.get(k) ?? "").trim() || null;
    setBusy(true);
    try {
      const rest = { role, displayName: say("displayName"), mail: say("mail"), language: speaks || null };
      close(await send<User>(of ? "PATCH" : "POST", of ? at(of.name) : "users", of ? rest : { name: say("name"), ...rest }));
    } catch (x) {
      setError(x as Error);
      setBusy(false);
    }
  };
  return <Dialog title={of ? t("editOf", { name: of.name }) : t("users.add")} close={() => close()}><form onSubmit={save}>
    {!of && <Field label={t("login.user")} help={t("users.nameHelp")}><input name="name" required maxLength={63} autocapitalize="none" autocomplete="off" spellcheck={false} /></Field>}
    <Choose label={t("role")} value={role} set={setRole} of={roleNames()} />
    <div class="two"><Field label={t("users.displayName")}><input name="displayName" defaultValue={of?.displayName ?? ""} autocomplete="off" /></Field><Field label={t("users.mail")}><input name="mail" type="email" defaultValue={of?.mail ?? ""} autocomplete="off" /></Field>
      <Choose label={t("language")} value={speaks} set={setSpeaks} of={[["", t("users.asBrowser")], ["en", "English"], ["nl", "Nederlands"]]} /></div>
    {!of && <p class="soft">{t("users.passwordMade")}</p>}
    {error && <Problem error={error} />}
    <div class="buttons"><button type="button" onClick={() => close()}>{t("cancel")}</button><button class="main" disabled={busy}>{of ? t("save") : t("users.add")}</button></div></form></Dialog>;
}
type Ask = { user: User; what: "remove" | "disable" | "enable" | "password" | "totp" };
function Users() {
  const list = useApi<{ users: User[] }>("users"), [edit, setEdit] = useState<User | "new" | null>(null), [ask, setAsk] = useState<Ask | null>(null), [made, setMade] = useState<User | null>(null), me = who.use();
  const done = async ({ user, what }: Ask) => {
    if (what === "remove") await send("DELETE", at(user.name));
    else if (what === "totp") await send("DELETE", `${at(user.name)}/totp`);
    else if (what === "password") setMade(await send<User>("PUT", `${at(user.name)}/password`, {}));
    else await send("PATCH", at(user.name), { disabled: what === "disable" });
  };
  const own = (u: User) => me?.via === "password" && me.user === u.name;
  return <section class="panel"><div class="above"><h2>{t("users.people")}</h2><button class="main" onClick={() => setEdit("new")}>{t("users.add")}</button></div>
    <Answer of={list}>{(d) => d.users.length ? <Table label={t("users.people")} head={[t("login.user"), t("role"), t("users.state"), t("users.totp"), t("users.seen"), ""]}>
      {d.users.map((u) => <tr key={u.name}><td><b>{u.displayName ?? u.name}</b>{own(u) && <small> ({t("users.you")})</small>}<small class="block">{[u.displayName && u.name, u.mail].filter(Boolean).join(" · ")}</small></td><td>{word("role", u.role)}</td>
        <td>{u.disabled ? <Mark quality="bad" text={t("users.disabled")} /> : u.mustChangePassword ? <Mark quality="uncertain" text={t("users.mustChange")} /> : <Mark quality="good" text={t("users.active")} />}</td><td>{u.totp ? t("yes") : t("no")}</td><td><Time at={u.seen} /></td>
        <td class="do"><button class="small" onClick={() => setEdit(u)} aria-label={t("editOf", { name: u.name })}>{t("edit")}</button>{!own(u) && <><button class="small" onClick={() => setAsk({ user: u, what: "password" })} aria-label={`${t("users.newPassword")}: ${u.name}`}>{t("users.newPassword")}</button>
          {u.totp && <button class="small" onClick={() => setAsk({ user: u, what: "totp" })} aria-label={`${t("users.resetTotp")}: ${u.name}`}>{t("users.resetTotp")}</button>}<button class="small" onClick={() => setAsk({ user: u, what: u.disabled ? "enable" : "disable" })} aria-label={`${t(u.disabled ? "users.enable" : "users.disable")}: ${u.name}`}>{t(u.disabled ? "users.enable" : "users.disable")}</button>
          <button class="small" onClick={() => setAsk({ user: u, what: "remove" })} aria-label={t("remove.of", { name: u.name })}>{t("remove")}</button></>}</td></tr>)}</Table> : <Empty title={t("users.none")} />}</Answer>
    {edit && <Form of={edit === "new" ? null : edit} close={(u) => { setEdit(null); if (u?.password) setMade(u); if (u) list.again(); }} />}
    {ask && <Confirm title={word("usersAsk", ask.what).replace("{name}", ask.user.name)} text={word("usersText", ask.what)} word={word("usersDo", ask.what)} danger={ask.what === "remove"} act={() => done(ask)} close={(did) => { setAsk(null); if (did) list.again(); }} />}
    {made?.password && <Once title={t("users.passwordOf", { name: made.name })} text={t("users.passwordOnce")} secret={made.password} close={() => setMade(null)} />}</section>;
}

const ends: [string, number | null][] = [["30", 30], ["90", 90], ["365", 365], ["", null]];
function TokenForm({ close }: { close: (made?: { name: string; token: string }) => void }) {
  const [kind, setKind] = useState<string>("viewer"), [days, setDays] = useState("90"), [error, setError] = useState<Error | null>(null), [busy, setBusy] = useState(false);
  const save = async (e: SubmitEvent) => {
    e.preventDefault();
    const f = new FormData(e.currentTarget as HTMLFormElement), say = (k: string) => String(f.get(k) ?? "").trim();
    setBusy(true);
    try {
      close(await send("POST", "tokens", { name: say("name"), ...(kind === "write" ? { write: say("write") } : { role: kind }), ...(days ? { expires: new Date(Date.now() + Number(days) * 86400e3).toISOString() } : {}) }));
    } catch (x) {
      setError(x as Error);
      setBusy(false);
    }
  };
  return <Dialog title={t("tokens.add")} close={() => close()}><form onSubmit={save}><Field label={t("name")} help={t("tokens.nameHelp")}><input name="name" required maxLength={127} spellcheck={false} autocomplete="off" /></Field>
    <Choose label={t("tokens.may")} value={kind} set={setKind} of={[...roleNames(), ["write", t("tokens.write")]]} />
    {kind === "write" && <Field label={t("rule.match")} help={t("rule.matchSignals")}><input name="write" required spellcheck={false} placeholder="hall/oven/**" /></Field>}
    <Choose label={t("tokens.expires")} value={days} set={setDays} of={ends.map(([k, n]) => [k, n ? t("tokens.days", { n }) : t("tokens.never")])} />
    {error && <Problem error={error} />}
    <div class="buttons"><button type="button" onClick={() => close()}>{t("cancel")}</button><button class="main" disabled={busy}>{t("tokens.add")}</button></div></form></Dialog>;
}
function Tokens() {
  const list = useApi<{ tokens: Token[] }>("tokens"), [add, setAdd] = useState(false), [remove, setRemove] = useState<Token | null>(null), [made, setMade] = useState<{ name: string; token: string } | null>(null);
  return <section class="panel"><div class="above"><h2>{t("tokens")}</h2><button onClick={() => setAdd(true)}>{t("tokens.add")}</button></div><p class="soft">{t("tokens.text")}</p>
    <Answer of={list}>{(d) => d.tokens.length ? <Table label={t("tokens")} head={[t("name"), t("tokens.may"), t("tokens.made"), t("tokens.expires"), ""]}>
      {d.tokens.map((k) => <tr key={k.name}><td><b>{k.name}</b></td><td>{k.role ? word("role", k.role) : <>{t("tokens.posts")} <code>{k.write}</code></>}</td><td><Time at={k.created} /></td><td>{k.expires ? Date.parse(k.expires) < Date.now() ? <Mark quality="bad" text={t("tokens.expired")} /> : <Time at={k.expires} /> : t("tokens.never")}</td>
        <td class="do"><button class="small" onClick={() => setRemove(k)} aria-label={t("remove.of", { name: k.name })}>{t("remove")}</button></td></tr>)}</Table> : <p>{t("tokens.none")}</p>}</Answer>
    {add && <TokenForm close={(m) => { setAdd(false); if (m) { setMade(m); list.again(); } }} />}
    {remove && <Confirm title={t("remove.title", { name: remove.name })} text={t("tokens.removeText")} word={t("remove")} danger act={() => send("DELETE", `tokens/${encodeURIComponent(remove.name)}`)} close={(did) => { setRemove(null); if (did) list.again(); }} />}
    {made && <Once title={t("tokens.of", { name: made.name })} text={t("tokens.once")} secret={made.token} close={() => setMade(null)} />}</section>;
}
export const UsersPage = () => <Page title={t("users")}><div class="list"><Users /><Sessions title={t("sessions")} all /><Tokens /></div></Page>;
