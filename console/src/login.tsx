// SPDX-License-Identifier: Apache-2.0
import { useState } from "preact/hooks";
import { type Failure, login, users } from "./api";
import { cell } from "./cell";
import { language, t } from "./lang";
import { Field } from "./ui";

export function Login() {
  const byName = users.use(), said = Login.said.use();
  const [withToken, setWithToken] = useState(false), [second, setSecond] = useState(false), [busy, setBusy] = useState(false);
  const names = byName && !withToken;
  const enter = async (e: SubmitEvent) => {
    e.preventDefault();
    const f = new FormData(e.currentTarget as HTMLFormElement), text = (k: string) => String(f.get(k) ?? "").trim();
    setBusy(true);
    Login.said.set("");
    try {
      await login(names ? { user: text("user"), password: String(f.get("password")), ...(second ? { totp: text("totp") } : {}) } : { token: text("token") });
    } catch (x) {
      const e = x as Failure;
      if (e.word === "totp") setSecond(true);
      Login.said.set(e.word === "totp" ? t("login.totp") : e.status === 429 ? t("login.locked") : e.status === 401 && !names ? t("login.wrong") : e instanceof TypeError ? t("lost") : e.message);
    }
    setBusy(false);
  };
  return <main class="login"><form onSubmit={enter}>
    <div class="row"><h1>{t("login.title")}</h1><button type="button" onClick={() => language.set(language.get() === "nl" ? "en" : "nl")} aria-label={t("switchLanguage")}>{language.get() === "nl" ? "EN" : "NL"}</button></div>
    {names ? <>
      <Field label={t("login.user")}><input name="user" autocomplete="username" required /></Field>
      <Field label={t("login.password")}><input name="password" type="password" autocomplete="current-password" required /></Field>
      {second && <Field label={t("login.code")}><input name="totp" inputMode="numeric" autocomplete="one-time-code" required /></Field>}
    </> : <Field label={t("login.token")} help={t("login.tokenHelp")}><input name="token" type="password" autocomplete="current-password" spellcheck={false} required /></Field>}
    <p class="error" role="alert">{said}</p>
    <div class="buttons">{byName && <button type="button" onClick={() => setWithToken(!withToken)}>{withToken ? t("login.byName") : t("login.byToken")}</button>}<button class="main" disabled={busy}>{t("login.enter")}</button></div>
    <p class="soft">{t("login.link")} <code>koppel status --url</code></p>
  </form></main>;
}
/** Why whoever wants to get in is not in. */
Login.said = cell("");
