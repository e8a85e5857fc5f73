/* Copies what a button is for: `data-copy`, or `data-copy-json` where it holds what cannot be seen. */
const SHOWN_MS = 1_500;
/* Said to who cannot see the mark on the button. */
const said = document.getElementById("said");

document.addEventListener("click", async ({ target }) => {
  const button = target.closest("[data-copy]");
  if (button === null) return;
  if (button.dataset.copied !== undefined) return;
  const { copy: text, copyJson } = button.dataset;
  const copied = await copy(copyJson === undefined ? text : JSON.parse(copyJson));
  button.dataset.copied = copied ? "✓" : "✕";
  said.textContent = copied ? "Copied" : "Cannot copy: select it instead";
  setTimeout(() => {
    delete button.dataset.copied;
    said.textContent = "";
  }, SHOWN_MS);
});

/* Browsers have a clipboard only over HTTPS and on this machine; elsewhere the old way is left. */
async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const before = document.activeElement;
    const field = document.createElement("textarea");
    field.value = text;
    field.className = "unseen";
    (document.querySelector("dialog[open]") ?? document.body).append(field);
    field.select();
    const copied = document.execCommand("copy");
    field.remove();
    before?.focus();
    return copied;
  }
}
