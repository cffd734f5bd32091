// Asks for the server's key, if it wants one. The key goes to the API object and is kept nowhere else.

export class KeyDialog {
  /** `dialog`: a <dialog> with a form, an input and a place for what is wrong. */
  constructor(dialog, api) {
    this.dialog = dialog;
    this.api = api;
    this.input = dialog.querySelector("input");
    this.wrong = dialog.querySelector("[role=alert]");
  }

  /** Do `work`; ask for a key and do it again for as long as the server wants one. */
  async with(work) {
    for (;;) {
      try {
        return await work();
      } catch (error) {
        if (!error.wantsKey) throw error;
        this.api.useKey(await this.#ask(error.message));
      }
    }
  }

  /** A key. `why` is shown from the second time on: at first nobody has done anything wrong. */
  #ask(why) {
    this.wrong.textContent = this.asked ? why : "";
    this.asked = true;
    this.input.value = "";
    this.dialog.showModal();
    return new Promise((resolve) => {
      const close = () => {
        if (!this.input.value.trim()) return this.dialog.showModal();
        this.dialog.removeEventListener("close", close);
        const key = this.input.value;
        this.input.value = "";
        resolve(key);
      };
      this.dialog.addEventListener("close", close);
    });
  }
}
