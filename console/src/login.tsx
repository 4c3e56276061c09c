// SPDX-License-Identifier: Apache-2.0
// Getting in: by name, password and code; by a token; and the first thing whose password somebody else made has to do.
import { useEffect, useState } from "preact/hooks";
import { api, type Credentials, type Failure, knowMe, login, logout, who } from "./api";
import { cell } from "./cell";
import { language, span, speak, t } from "./lang";
import { Field, PasswordForm, textOf } from "./ui";

const Languages = () => <button type="button" onClick={() => void speak(language.get() === "nl" ? "en" : "nl")} aria-label={t("switchLanguage")}>{language.get() === "nl" ? "EN" : "NL"}</button>;

export function Login() {
  const said = Login.said.use(), [busy, setBusy] = useState(false), [code, setCode] = useState(false), [by, setBy] = useState<"name" | "token">("name"), [until, setUntil] = useState(0), [, tick] = useState(0);
  const left = Math.ceil((until - Date.now()) / 1000);
  useEffect(() => {
    if (left <= 0) return;
    const timer = setInterval(() => tick((n) => n + 1), 500);
    return () => clearInterval(timer);
  }, [until, left > 0]);
  useEffect(() => document.getElementsByName(by === "token" ? "token" : code ? "totp" : "user")[0]?.focus(), [by, code]);
  const enter = async (e: SubmitEvent) => {
    e.preventDefault();
    const f = new FormData(e.currentTarget as HTMLFormElement);
    const given: Credentials = by === "token" ? { token: textOf(f, "token").trim() } : { user: textOf(f, "user").trim(), password: textOf(f, "password"), ...(code ? { totp: textOf(f, "totp").replace(/\s/g, "") } : {}) };
    setBusy(true);
    Login.said.set("");
    try {
      await login(given);
      const own = who.get()?.language;
      if (own === "nl" || own === "en") void speak(own);
    } catch (x) {
      const e = x as Failure;
      if (e.word === "totp") setCode(true);
      else if (e.status === 429) setUntil(Date.now() + (e.wait || 1) * 1000);
      else Login.said.set(e.status === 401 ? t(by === "token" ? "login.wrong" : code ? "login.wrongCode" : "login.wrongName") : e instanceof TypeError ? t("lost") : e.message);
    }
    setBusy(false);
  };
  const [provider, setProvider] = useState<string | null>(null);
  useEffect(() => void api<{ enabled: boolean; name: string | null }>("oidc").then((o) => setProvider(o.enabled ? o.name : null), () => {}), []);
  const other = () => {
    setBy(by === "name" ? "token" : "name");
    setCode(false);
    Login.said.set("");
  };
  return <main class="login"><form onSubmit={enter} key={by}>
    <div class="row"><h1>{t("login.title")}</h1><Languages /></div>
    {by === "name" ? <><Field label={t("login.user")}><input name="user" autocomplete="username" autocapitalize="none" spellcheck={false} required /></Field>
      <Field label={t("login.password")}><input name="password" type="password" autocomplete="current-password" required /></Field>
      {code && <Field label={t("login.code")} help={t("login.codeHelp")}><input name="totp" inputMode="numeric" autocomplete="one-time-code" pattern="[0-9 ]{6,8}" required /></Field>}</>
      : <Field label={t("login.token")} help={t("login.tokenHelp")}><input name="token" type="password" autocomplete="off" spellcheck={false} required /></Field>}
    <p class="error" role="alert">{left > 0 ? t("login.locked", { span: span(left) }) : said}</p>
    <div class="buttons"><button type="button" class="plain" onClick={other}>{t(by === "name" ? "login.byToken" : "login.byName")}</button><span class="grow" /><button class="main" disabled={busy || left > 0}>{t("login.enter")}</button></div>
    {provider && <p><a class="button wide" href="/auth/oidc/start">{t("login.provider", { name: provider })}</a></p>}
    {by === "token" && <p class="soft">{t("login.link")} <code>koppel status --url</code></p>}
  </form></main>;
}
/** Why whoever wants to get in is not in. */
Login.said = cell("");
export const leave = () => void logout().catch(() => Login.said.set(t("logout.unheard")));

/** Nothing else is reached until it is done. */
export function MustChange() {
  const me = who.use()!;
  return <main class="login"><div class="box"><div class="row"><h1>{t("password.must")}</h1><Languages /></div>
    <p>{t("password.mustText", { name: me.displayName ?? me.user })}</p>
    <PasswordForm user={me.user} current={false} word={t("password.save")} done={() => void knowMe()} />
    <p><button class="plain" onClick={leave}>{t("logout")}</button></p></div></main>;
}
