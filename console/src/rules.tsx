// SPDX-License-Identifier: Apache-2.0
// What is an alarm.
import { useEffect, useState } from "preact/hooks";
import { may, send, useApi } from "./api";
import { lasting, number, t, word } from "./lang";
import { route } from "./route";
import { Answer, Choose, Confirm, Dialog, Empty, Field, Mark, Priority, Problem, Table } from "./ui";

interface Rule { name: string; kind: string; match: string; high: number | null; low: number | null; hysteresis: number; delay: string | null; offDelay: string | null; priority: string; text: string | null; enabled: boolean; outOfService: boolean }
const kinds = ["limit", "stale", "stopped", "link-down", "disk", "backup-failed", "certificate-expires"], priorities = ["low", "medium", "high", "urgent"];
const matches = (kind: string) => ["limit", "stale", "stopped", "link-down"].includes(kind);
const at = (r: Rule) => `alarm-rules/${encodeURIComponent(r.name)}`;
const standard: Rule = { name: "", kind: "limit", match: "", high: null, low: null, hysteresis: 0, delay: null, offDelay: null, priority: "medium", text: null, enabled: true, outOfService: false };

function Form({ of, close }: { of: Rule | null; close: (changed: boolean) => void }) {
  const r = of ?? standard, [kind, setKind] = useState(r.kind), [priority, setPriority] = useState(r.priority), [error, setError] = useState<Error | null>(null), [busy, setBusy] = useState(false);
  const save = async (e: SubmitEvent) => {
    e.preventDefault();
    const f = new FormData(e.currentTarget as HTMLFormElement), say = (k: string) => String(f.get(k) ?? "").trim(), numeral = (k: string) => (say(k) === "" ? null : Number(say(k).replace(",", ".")));
    const limit = kind === "limit", body = { ...(of ? {} : { name: say("name") }), kind, match: matches(kind) ? say("match") : null, high: limit ? numeral("high") : null, low: limit ? numeral("low") : null, hysteresis: limit ? numeral("hysteresis") : null,
      delay: say("delay") || null, offDelay: say("offDelay") || null, priority, text: say("text") || null, enabled: f.has("enabled"), outOfService: f.has("outOfService") };
    if (limit && body.high === null && body.low === null) return setError(new Error(t("rule.noLimit")));
    setBusy(true);
    try {
      await send(of ? "PATCH" : "POST", of ? at(of) : "alarm-rules", body);
      close(true);
    } catch (x) {
      setError(x as Error);
      setBusy(false);
    }
  };
  const numeral = (k: "high" | "low" | "hysteresis") => <Field label={word("rule", k)} help={k === "hysteresis" ? t("rule.hysteresisHelp") : undefined}><input name={k} inputMode="decimal" pattern="-?[0-9]*[.,]?[0-9]*(e-?[0-9]+)?" defaultValue={r[k] || (k !== "hysteresis" && r[k] === 0) ? String(r[k]) : ""} /></Field>;
  return <Dialog title={of ? t("editOf", { name: of.name }) : t("rule.add")} close={() => close(false)}><form onSubmit={save}>
    <div class="two"><Field label={t("name")}><input name="name" defaultValue={r.name} readOnly={!!of} required maxLength={127} pattern="[^\/?*#]+" spellcheck={false} /></Field>
      <Choose label={t("rule.kind")} value={kind} set={setKind} of={kinds.map((k) => [k, word("ruleKind", k)])} /></div>
    <p class="soft">{word("ruleHelp", kind)}</p>
    {matches(kind) && <Field label={t("rule.match")} help={word("rule", kind === "limit" || kind === "stale" ? "matchSignals" : kind === "stopped" ? "matchMachines" : "matchLinks")}><input name="match" defaultValue={r.match} required={kind !== "link-down"} spellcheck={false} placeholder={kind === "limit" || kind === "stale" ? "hall1/**/temperature" : "hall1/**"} /></Field>}
    {kind === "limit" && <div class="three">{numeral("high")}{numeral("low")}{numeral("hysteresis")}</div>}
    <div class="two"><Field label={word("rule", kind === "certificate-expires" ? "ahead" : "delay")} help={t("rule.delayHelp")}><input name="delay" defaultValue={r.delay ?? ""} required={kind === "stale"} spellcheck={false} placeholder="10s" /></Field>
      <Field label={t("rule.offDelay")} help={t("rule.offDelayHelp")}><input name="offDelay" defaultValue={r.offDelay ?? ""} spellcheck={false} placeholder="10s" /></Field></div>
    <div class="two"><Choose label={t("alarm.priority")} value={priority} set={setPriority} of={priorities.map((p) => [p, word("priority", p)])} />
      <Field label={t("rule.text")} help={t("rule.textHelp")}><input name="text" defaultValue={r.text ?? ""} maxLength={300} /></Field></div>
    <label class="check"><input type="checkbox" name="enabled" defaultChecked={r.enabled} /> <span>{t("rule.enabled")}</span></label>
    <label class="check"><input type="checkbox" name="outOfService" defaultChecked={r.outOfService} /> <span>{t("rule.outOfService")} <small>{t("rule.outHelp")}</small></span></label>
    {error && <Problem error={error} />}
    <div class="buttons"><button type="button" onClick={() => close(false)}>{t("cancel")}</button><button class="main" disabled={busy}>{t("save")}</button></div></form></Dialog>;
}
const condition = (r: Rule) => {
  const parts = [r.high !== null && `> ${number(r.high)}`, r.low !== null && `< ${number(r.low)}`].filter(Boolean).join(` ${t("or")} `);
  return [parts, r.delay && t(r.kind === "certificate-expires" ? "rule.aheadOf" : "rule.for", { span: lasting(r.delay) })].filter(Boolean).join(", ");
};
export function Rules() {
  const chosen = route.use().params.get("rule"), list = useApi<{ rules: Rule[] }>("alarm-rules"), [edit, setEdit] = useState<Rule | "new" | null>(null), [remove, setRemove] = useState<Rule | null>(null), [error, setError] = useState<Error | null>(null), engineer = may("engineer");
  const change = (r: Rule, body: object) => void send("PATCH", at(r), body).then(() => { setError(null); list.again(); }, setError);
  useEffect(() => document.querySelector("tr.chosen")?.scrollIntoView({ block: "center" }), [list.data]);
  return <><div class="above"><p class="soft">{t("rule.about")}</p>{engineer && <button class="main" onClick={() => setEdit("new")}>{t("rule.add")}</button>}</div>
    {error && <Problem error={error} />}
    <Answer of={list}>{(d) => d.rules.length ? <Table label={t("alarm.rules")} head={[t("alarm.priority"), t("name"), t("rule.kind"), t("rule.match"), t("rule.when"), t("rule.state"), ...(engineer ? [""] : [])]}>
      {d.rules.map((r) => <tr key={r.name} class={r.name === chosen ? "chosen" : undefined}><td><Priority of={r.priority} full /></td><td><b>{r.name}</b>{r.text && <small class="block">{r.text}</small>}</td><td>{word("ruleKind", r.kind)}</td><td>{r.match ? <code>{r.match}</code> : t("rule.everywhere")}</td><td>{condition(r) || "–"}</td>
        <td>{!r.enabled ? <Mark quality="none" text={t("rule.off")} /> : r.outOfService ? <Mark quality="uncertain" text={t("life.out-of-service")} /> : <Mark quality="good" text={t("rule.on")} />}</td>
        {engineer && <td class="do"><button class="small" onClick={() => setEdit(r)} aria-label={t("editOf", { name: r.name })}>{t("edit")}</button><button class="small" onClick={() => change(r, { enabled: !r.enabled })} aria-label={`${t(r.enabled ? "disable" : "enable")}: ${r.name}`}>{t(r.enabled ? "disable" : "enable")}</button>
          <button class="small" disabled={!r.enabled} onClick={() => change(r, { outOfService: !r.outOfService })} aria-label={`${t(r.outOfService ? "rule.inService" : "rule.toOut")}: ${r.name}`}>{t(r.outOfService ? "rule.inService" : "rule.toOut")}</button><button class="small" onClick={() => setRemove(r)} aria-label={t("remove.of", { name: r.name })}>{t("remove")}</button></td>}</tr>)}</Table> : <Empty title={t("rule.none")} />}</Answer>
    {edit && <Form of={edit === "new" ? null : edit} close={(changed) => { setEdit(null); if (changed) list.again(); }} />}
    {remove && <Confirm title={t("remove.title", { name: remove.name })} text={t("rule.removeText")} word={t("remove")} danger close={(done) => { setRemove(null); if (done) list.again(); }} act={() => send("DELETE", at(remove))} />}</>;
}
