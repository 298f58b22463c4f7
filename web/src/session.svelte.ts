/* What every page needs to know of the satellite: its projects, and how full they are. */

import { get, type Failure } from "./api/client.ts";
import { diagnostics } from "./api/diagnostics.ts";
import type { ProjectStats } from "./api/types.ts";
import { learnSlots } from "./colour.svelte.ts";
import { router } from "./router.svelte.ts";
import { recall, remember } from "./storage.ts";

const EVERY_MS = 5000;
const WAITING_MS = 1000;
const LAST = "satellite.project";

class Session {
  /** Undefined until they were asked for once. */
  projects: readonly ProjectStats[] | undefined = $state.raw();
  failure: Failure | undefined = $state.raw();
  /** Counts what was sent from here: who shows a result asks for it anew. */
  sent = $state(0);
  #budgets: { all: number; some: Record<string, number> } = $state.raw({ all: 0, some: {} });

  /** The project of this page, if it has received anything. */
  get stats(): ProjectStats | undefined {
    return this.projects?.find((one) => one.project === router.project);
  }
  /** Whether this project has no span, and never had one. */
  get waiting(): boolean {
    return this.projects !== undefined && !this.stats?.ledger.received;
  }
  /** Bytes that the project may hold. */
  get budget(): number {
    return this.#budgets.some[router.project] ?? this.#budgets.all;
  }

  async ask(): Promise<void> {
    try {
      this.projects = (await get("/api/v1/projects", {}, {})).projects;
      await this.#learnColours();
      this.failure = undefined;
    } catch (error) {
      this.failure = error as Failure;
    }
  }

  #learned = "";
  /** The colours of the services, again whenever spans have come. */
  async #learnColours(): Promise<void> {
    const [project, mark] = [router.project, this.stats?.mark ?? 0];
    if (!mark || this.#learned === `${project} ${mark}`) return;
    const { services } = await get("/api/v1/projects/{project}/services", { project }, {});
    learnSlots(services.map((one) => [one.service, one.slot] as const));
    this.#learned = `${project} ${mark}`;
  }

  async #askBudgets(): Promise<void> {
    const found = await diagnostics().catch(() => null);
    const value = (name: string): unknown => found?.settings.find((one) => one.name === name)?.value;
    this.#budgets = { all: Number(value("bytes_per_project")) || 0, some: (value("bytes_per_project_overrides") as Record<string, number> | null) ?? {} };
  }

  /** Keep asking while the page is seen. */
  follow(): () => void {
    let timer = 0;
    const turn = async (): Promise<void> => {
      if (!document.hidden) await this.ask();
      timer = window.setTimeout(() => void turn(), this.waiting ? WAITING_MS : EVERY_MS);
    };
    // What the page itself shows is asked first.
    void turn().then(() => this.#askBudgets());
    return () => clearTimeout(timer);
  }

  /** Where `/` leads: the project last looked at, else the fullest, else «default». */
  home(): string {
    const known = this.projects ?? [];
    const last = recall(LAST);
    if (last !== null && known.some((one) => one.project === last)) return last;
    return [...known].sort((a, b) => b.spans - a.spans)[0]?.project ?? "default";
  }
  remember(project: string): void {
    remember(LAST, project);
  }
}
export const session = new Session();
