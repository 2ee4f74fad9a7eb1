/** The tests' own configuration, with one mutant in what they load: as `load-hook.ts`, for what vite loads. */

import { defineConfig, type ViteUserConfig } from "vitest/config";
import ordinary from "../../vitest.config.ts";
import { ROOT } from "./detectors.ts";
import { mutate } from "./mutant.ts";
import { chosenMutant } from "./mutants.ts";

const mutant = chosenMutant();

const config: ViteUserConfig = defineConfig({
  ...ordinary,
  root: ROOT,
  plugins: [
    {
      name: "mutant",
      enforce: "pre",
      transform: (code, id) =>
        mutant !== undefined && id === `${ROOT}/${mutant.file}` ? mutate(code, mutant) : undefined,
    },
  ],
  // What was transformed with one mutant must not be found again with another, or with none.
  test: { ...ordinary.test, fsModuleCache: false, reporters: ["default"], bail: 1 },
});

export default config;
