// SPDX-License-Identifier: Apache-2.0
import { useEffect, useState } from "preact/hooks";
import { texts } from "./lang";
import { Loading, Problem } from "./ui";

type Draw = () => preact.JSX.Element;
/** A page that comes when it is gone to, and stays. */
export function lazy(page: () => Promise<Draw>): Draw & { begin(): void } {
  const load = () => Promise.all([page(), import("./lang/pages")]).then(([draw]) => texts().then(() => draw));
  let have: Draw | null = null, asked: Promise<Draw> | null = null;
  function Lazy() {
    const [, again] = useState(0), [error, setError] = useState<Error | null>(null);
    const get = () => (asked ??= load()).then((d) => ((have = d), setError(null), again((n) => n + 1)), setError);
    useEffect(() => void (have ?? get()), []);
    if (have) return <>{have()}</>;
    return error ? <Problem error={error} again={() => location.reload()} /> : <Loading />; // a node of another version has other parts: the page names them
  }
  return Object.assign(() => <Lazy />, { begin: () => void (asked ??= load()) });
}
