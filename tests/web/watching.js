// Runs before the page does: writes down what it shows, also what is gone before a test could look.

window.states = []; // of the voice mode
window.captions = []; // the words that were marked as being heard
let looked = 0; // states that a test knows of
let wake = () => {};

new MutationObserver(() => {
  const state = document.body?.dataset.state;
  if (state !== window.states.at(-1)) window.states.push(state);
  const [word] = [...document.querySelectorAll(".now")].map((one) => one.textContent).filter(Boolean);
  if (word && word !== window.captions.at(-1)) window.captions.push(word);
  wake();
}).observe(document, { subtree: true, childList: true, characterData: true, attributes: true });

// Returns once this state has come, after the one that was waited for before.
window.until = (state) =>
  new Promise((resolve) => {
    wake = () => {
      const at = window.states.indexOf(state, looked);
      if (at < 0) return;
      looked = at + 1;
      wake = () => {};
      resolve();
    };
    wake();
  });
