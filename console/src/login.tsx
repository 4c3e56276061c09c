// SPDX-License-Identifier: Apache-2.0
import { useState } from "preact/hooks";
import { type Failure, login } from "./api";
import { cell } from "./cell";
import { language, t } from "./lang";
import { Field } from "./ui";

export function Login() {
  const said = Login.said.use();
  const [busy, setBusy] = useState(false);
  const enter = async (e: SubmitEvent) => {
    e.preventDefault();
    const token = String(new FormData(e.currentTarget as HTMLFormElement).get("token") ?? "").trim();
    setBusy(true);
    Login.said.set("");
    try {
      await login({ token });
    } catch (x) {
      const e = x as Failure;
      Login.said.set(e.status === 401 ? t("login.wrong") : e instanceof TypeError ? t("lost") : e.message);
    }
    setBusy(false);
  };
  return <main class="login"><form onSubmit={enter}>
    <div class="row"><h1>{t("login.title")}</h1><button type="button" onClick={() => language.set(language.get() === "nl" ? "en" : "nl")} aria-label={t("switchLanguage")}>{language.get() === "nl" ? "EN" : "NL"}</button></div>
    <Field label={t("login.token")} help={t("login.tokenHelp")}><input name="token" type="password" autocomplete="current-password" spellcheck={false} required /></Field>
    <p class="error" role="alert">{said}</p>
    <div class="buttons"><button class="main" disabled={busy}>{t("login.enter")}</button></div>
    <p class="soft">{t("login.link")} <code>koppel status --url</code></p>
  </form></main>;
}
/** Why whoever wants to get in is not in. */
Login.said = cell("");
