// SPDX-License-Identifier: Apache-2.0
// What a partner offers, and asking for it.
import { useState } from "preact/hooks";
import { may, query, send, useApi } from "./api";
import { Text, useAct } from "./form";
import { t, told, word } from "./lang";
import { replace, route } from "./route";
import { type Deal, type Partner, Terms } from "./terms";
import { Answer, Choose, copy, Dialog, Empty, Mark } from "./ui";

interface Dataset { id: string; offers: { id: string; policy: any }[] }
/** From the question to the agreement, and what to do with that. */
function Following({ id, close }: { id: number; close: () => void }) {
  const d = useApi<Deal>(`negotiations/${id}`, 1000), p = useApi<{ protocols: { scheme?: string; name?: string }[] }>("protocols"), { act, busy, problem } = useAct(), [coupled, setCoupled] = useState("");
  const canCouple = JSON.stringify(p.data ?? "").includes('"dsp');
  const couple = (x: Deal) => void act(async () => { const name = `${x.partner}-${x.dataset}`.replace(/[^\w.-]+/g, "-").slice(0, 60); await send("POST", "couplings", { name, url: `dsp://${encodeURIComponent(x.partner)}/${encodeURIComponent(x.agreement ?? "")}` }); setCoupled(name); });
  return <Dialog title={t("catalogue.follow")} close={close}><Answer of={d}>{(x) => <><p role="status"><Mark quality={x.state === "FINALIZED" ? "good" : x.state === "TERMINATED" ? "bad" : "none"} text={word("deal", x.state)} /> {t(x.state === "FINALIZED" ? "catalogue.agreed" : x.state === "TERMINATED" ? "catalogue.refused" : "catalogue.waits", { partner: x.partner, dataset: x.dataset ?? "" })}</p>
    {(x.note ?? x.fault) && <p class="advice">{told((x.note ?? x.fault)!)}</p>}<Terms of={x.offer} />
    {x.state === "FINALIZED" && (coupled ? <p><a href={`#/couplings/${encodeURIComponent(coupled)}`}>{t("catalogue.coupled", { name: coupled })}</a></p> : canCouple ? <div class="buttons left"><button class="main" disabled={busy} onClick={() => couple(x)}>{t("catalogue.couple")}</button></div>
      : <p>{t("catalogue.how")}<br /><code>koppel transfers {x.agreement}</code> <button class="small" onClick={() => copy(`koppel transfers ${x.agreement}`)}>{t("copy")}</button></p>)}{problem}</>}</Answer>
    <div class="buttons"><button onClick={close}>{t("close")}</button></div></Dialog>;
}
function Offers({ of }: { of: Partner }) {
  const c = useApi<{ datasets: Dataset[] }>(`partners/${encodeURIComponent(of.name)}/catalogue`), { act, busy, problem } = useAct(), [id, setId] = useState(0), [find, setFind] = useState("");
  const ask = (d: Dataset, offer: string) => void act(async () => setId((await send<Deal>("POST", "negotiations", { partner: of.name, dataset: d.id, offer })).id));
  return <>{problem}<Answer of={c}>{(x) => x.datasets.length ? <>{x.datasets.length > 10 && <Text label={t("find")} value={find} set={setFind} type="search" />}<div class="panels">{x.datasets.filter((d) => d.id.toLowerCase().includes(find.toLowerCase())).slice(0, 200).map((d) => <section class="panel" key={d.id}><h2>{d.id}</h2>
    {d.offers.map((o) => <div class="agreed" key={o.id}><Terms of={o.policy} />{may("engineer") && <div class="buttons left"><button class="main" disabled={busy} onClick={() => ask(d, o.id)} aria-label={t("catalogue.askOf", { name: d.id, offer: o.id })}>{t("catalogue.ask")}</button><small>{t("catalogue.offer", { id: o.id })}</small></div>}</div>)}</section>)}</div></> : <Empty title={t("catalogue.empty", { partner: of.name })}><p>{t("catalogue.emptyText")}</p><p><a class="button" href="#/partners/card">{t("partners.ours")}</a></p></Empty>}</Answer>
    {id > 0 && <Following id={id} close={() => setId(0)} />}</>;
}
export function Catalogue() {
  const p = useApi<{ partners: Partner[] }>("partners"), asked = route.use().params.get("partner");
  return <Answer of={p}>{(d) => { const of = d.partners.find((x) => x.name === asked) ?? d.partners[0];
    return of ? <><div class="filters"><Choose label={t("catalogue.whose")} value={of.name} set={(partner) => replace(`#/partners/catalogue?${query({ partner })}`)} of={d.partners.map((x) => [x.name, x.name])} /></div><Offers key={of.name} of={of} /></> : <Empty title={t("partners.none")}><p>{t("partners.noneText")}</p></Empty>; }}</Answer>;
}
