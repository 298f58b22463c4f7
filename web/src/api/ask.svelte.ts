/* A question that is asked anew whenever what it depends on changes. */

import { untrack } from "svelte";
import { Failure } from "./client.ts";

/** What takes longer is seen to be on its way. */
export const SLOW_MS = 150;
/** Nobody answers or has time to: so long until it is asked again. */
export const AGAIN_S = 4;

type Question<T> = (signal: AbortSignal) => Promise<T>;

/**
 * The answer to a question. The last one stays until the next is whole; an outdated question is called off. While nobody
 * answers, or has no time to, it is asked again every few seconds. Make it while a component is set up.
 */
export class Ask<T> {
  value: T | undefined = $state.raw();
  failure: Failure | undefined = $state.raw();
  running = $state(false);
  /** Running for so long that it should be seen. */
  slow = $state(false);
  /** Seconds until it is asked again, while nobody answers. */
  againIn = $state(0);
  #again = $state(0);

  /** `question` says what to ask now, null: nothing; whatever reactive it reads makes it be asked anew. */
  constructor(question: () => Question<T> | null) {
    $effect(() => {
      void this.#again;
      const ask = question();
      if (ask === null) {
        untrack(() => {
          this.running = this.slow = false;
        });
        return;
      }
      const call = new AbortController();
      untrack(() => void this.#run(ask, call.signal));
      return () => call.abort();
    });
  }

  /** Ask the same once more. */
  again(): void {
    this.#again++;
  }

  /** Ask the same every so often, while the page is seen; never before the last answer is there. Make it as the question is made. */
  every(ms: number): this {
    $effect(() => {
      const timer = setInterval(() => !document.hidden && !this.running && this.again(), ms);
      return () => clearInterval(timer);
    });
    return this;
  }

  /** Forget the answer, for a question that has nothing to do with the last one. */
  forget(): void {
    this.value = undefined;
    this.failure = undefined;
  }

  async #run(ask: Question<T>, signal: AbortSignal): Promise<void> {
    this.running = true;
    this.againIn = 0;
    const patience = setTimeout(() => {
      if (!signal.aborted) this.slow = true;
    }, SLOW_MS);
    try {
      const value = await ask(signal);
      if (signal.aborted) return;
      this.value = value;
      this.failure = undefined;
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof Failure)) throw error;
      this.failure = error;
      if (error.passing) this.#wait(signal);
    } finally {
      clearTimeout(patience);
      if (!signal.aborted) this.running = this.slow = false;
    }
  }

  #wait(signal: AbortSignal): void {
    this.againIn = AGAIN_S;
    const tick = setInterval(() => {
      if (signal.aborted || --this.againIn <= 0) {
        clearInterval(tick);
        if (!signal.aborted) this.#again++;
      }
    }, 1000);
    signal.addEventListener("abort", () => clearInterval(tick));
  }
}
