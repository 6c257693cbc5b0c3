// The pages that tests/widgets/test_scripts.py writes with `ganbook`, and the files of the repository.
import { readFileSync } from "node:fs";
import { join } from "node:path";

export const page = (name) => readFileSync(join(process.env.GANBOOK_PAGES, name), "utf8");
export const file = (path) => readFileSync(new URL(`../../${path}`, import.meta.url), "utf8");
