// SPDX-License-Identifier: Apache-2.0
// What is one's own: password, second factor, sessions, language.
import { generate } from "lean-qr/nano";
import { useMemo, useState } from "preact/hooks";
import { knowMe, send, who } from "./api";
import { language, languages, speak, t, word } from "./lang";
import { Choose, Confirm, copy, Field, Mark, Page, PasswordForm, Problem, Sessions } from "./ui";

function Code({ of }: { of: string }) {
  const { size, d } = useMemo(() => {
    const made = generate(of);
    let d = "";
    for (let y = 0; y < made.size; y++) for (let x = 0; x < made.size; x++) if (made.get(x, y)) d += `M${x} ${y}h1v1h-1z`;
    return { size: made.size, d };
  }, [of]);
  return <svg class="qr" viewBox={`-3 -3 ${size + 6} ${size + 6}`} role="img" aria-label={t("totp.qr")}><path d={d} /></svg>;
}
function SecondFactor({ user, on }: { user: string; on: boolean }) {
  const [made, setMade] = useState<{ secret: string; uri: string } | null>(null), [error, setError] = useState<Error | null>(null), [off, setOff] = useState(false), at = `users/${encodeURIComponent(user)}/totp`;
  const confirm = async (e: SubmitEvent) => {
    e.preventDefault();
    const code = String(new FormData(e.currentTarget as HTMLFormElement).get("code")).replace(/\s/g, "");
    try {
      await send("PUT", at, { code });
      setMade(null);
      setError(null);
      await knowMe();
    } catch (x) {
      setError(x as Error);
    }
  };
  const begin = () => send<{ secret: string; uri: string }>("POST", at).then((m) => { setMade(m); setError(null); }, setError);
  return <section class="panel"><h2>{t("totp")}</h2><p class="soft">{t("totp.text")}</p>
    {!made && <p>{on ? <Mark quality="good" text={t("totp.on")} /> : <Mark quality="none" text={t("totp.off")} />}</p>}
    {made ? <form onSubmit={confirm}><ol class="how"><li>{t("totp.scan")}<div class="secret"><Code of={made.uri} /><div><p>{t("totp.orType")}</p><p><code class="long">{made.secret.replace(/(.{4})(?=.)/g, "$1 ")}</code></p><p><button type="button" class="small" onClick={() => copy(made.secret)}>{t("copy")}</button> <a href={made.uri}>{t("totp.open")}</a></p></div></div></li>
      <li><Field label={t("totp.confirm")}><input name="code" inputMode="numeric" autocomplete="one-time-code" pattern="[0-9 ]{6,8}" required /></Field></li></ol>
      {error && <Problem error={error} />}<div class="buttons left"><button class="main">{t("totp.enable")}</button><button type="button" onClick={() => { setMade(null); setError(null); }}>{t("cancel")}</button></div></form>
      : <>{error && <Problem error={error} />}<div class="buttons left">{on ? <button onClick={() => setOff(true)}>{t("totp.disable")}</button> : <button class="main" onClick={() => void begin()}>{t("totp.setUp")}</button>}</div></>}
    {off && <Confirm title={t("totp.disable")} text={t("totp.disableText")} word={t("totp.disable")} danger act={async () => { await send("DELETE", at); await knowMe(); }} close={() => setOff(false)} />}</section>;
}
export function AccountPage() {
  const me = who.use()!, l = language.use(), named = me.via === "password", [saved, setSaved] = useState(false), [error, setError] = useState<Error | null>(null);
  const change = (x: string) => {
    void speak(x);
    if (named) void send("PATCH", `users/${encodeURIComponent(me.user)}`, { language: x }).then(knowMe).catch(setError);
  };
  return <Page title={t("account")}><div class="panels">
    <section class="panel"><h2>{me.displayName ?? me.user}</h2><dl class="plate"><div><dt>{t("login.user")}</dt><dd>{me.user}</dd></div><div><dt>{t("role")}</dt><dd>{word("role", me.role)}</dd></div><div><dt>{t("account.via")}</dt><dd>{word("via", me.via)}</dd></div></dl><p class="soft">{word("roleText", me.role)}</p>
      <Choose label={t("language")} value={l} set={change} of={languages.map((x) => [x, { en: "English", nl: "Nederlands" }[x]!])} />{error && <Problem error={error} />}</section>
    {named ? <><section class="panel"><h2>{t("login.password")}</h2><PasswordForm user={me.user} current word={t("password.save")} done={() => setSaved(true)} />{saved && <p role="status"><Mark quality="good" text={t("password.saved")} /></p>}</section>
      <SecondFactor user={me.user} on={me.totp} /></> : <section class="panel"><h2>{t("login.password")}</h2><p>{t("account.noName")}</p></section>}
    </div><Sessions title={t("account.sessions")} /></Page>;
}
