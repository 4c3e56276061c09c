// SPDX-License-Identifier: Apache-2.0
// From an empty node to a coupled machine in three steps.
import { useState } from "preact/hooks";
import { useApi } from "./api";
import { CoupleForm, CouplingCard, Discover } from "./couplings";
import { t } from "./lang";
import type { Coupling } from "./model";
import { Answer, Page } from "./ui";

function Watch({ name }: { name: string }) {
  const c = useApi<Coupling>(`couplings/${encodeURIComponent(name)}`, 1000);
  return <Answer of={c}>{(d) => <><CouplingCard c={d} changed={c.again} />{d.state === "online" && d.items > 0 ? <p class="notice good">{t("start.done")} <a class="button main" href="#/">{t("start.look")}</a></p> : <p class="soft" role="status">{t("start.wait")}</p>}</>}</Answer>;
}
export function Start() {
  const [url, setUrl] = useState<string | undefined>(), [known, setKnown] = useState(false), [name, setName] = useState<string | null>(null);
  const step = name ? 3 : known || url ? 2 : 1;
  return <Page title={t("start.title")} crumbs={<a href="#/">{t("overview")}</a>}><ol class="steps">
    <li class={step === 1 ? "now" : "past"} aria-current={step === 1 ? "step" : undefined}><h2>{t("start.1")}</h2>{step === 1 ? <><p>{t("start.1text")}</p><Discover take={(f) => setUrl(f.url!)} /><p>{t("start.or")} <button onClick={() => setKnown(true)}>{t("start.known")}</button></p></> : <button onClick={() => { setUrl(undefined); setKnown(false); setName(null); }}>{t("start.back")}</button>}</li>
    <li class={step === 2 ? "now" : step > 2 ? "past" : ""} aria-current={step === 2 ? "step" : undefined}><h2>{t("start.2")}</h2>{step === 2 && <><p>{t("start.2text")}</p><CoupleForm url={url} done={setName} /></>}</li>
    <li class={step === 3 ? "now" : ""} aria-current={step === 3 ? "step" : undefined}><h2>{t("start.3")}</h2>{step === 3 && <Watch name={name!} />}</li>
  </ol></Page>;
}
