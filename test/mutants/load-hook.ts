/**
 * `node --import ./test/mutants/load-hook.ts …`: whatever that process loads, it loads with one mutant in it, the one that
 * `STRONGROOM_MUTANT` names. Nothing on disk is changed.
 */

import { registerHooks } from "node:module";
import { mutate } from "./mutant.ts";
import { chosenMutant } from "./mutants.ts";

const mutant = chosenMutant();

if (mutant !== undefined) {
  const target = new URL(`../../${mutant.file}`, import.meta.url).href;
  registerHooks({
    load(url, context, nextLoad) {
      const loaded = nextLoad(url, context);
      if (url !== target) return loaded;
      const { source } = loaded;
      if (source === undefined || source === null) throw new Error(`${mutant.file} was loaded without its source`);
      const text = typeof source === "string" ? source : new TextDecoder().decode(source);
      return { ...loaded, source: mutate(text, mutant) };
    },
  });
}
