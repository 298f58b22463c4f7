/* Something to be done at a click. */

import { Failure } from "./client.ts";

/** Whether it goes on, and what went wrong the last time. */
export class Act {
  running = $state(false);
  failure: Failure | undefined = $state.raw();

  /** Do it; whether it was done. */
  async run(what: () => Promise<unknown>): Promise<boolean> {
    this.running = true;
    this.failure = undefined;
    try {
      await what();
      return true;
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      this.failure = error;
      return false;
    } finally {
      this.running = false;
    }
  }
}
