/* Copies what a button is for: `data-copy`. */
const SHOWN_MS = 1_500;

document.addEventListener("click", async ({ target }) => {
  const button = target.closest("[data-copy]");
  if (button === null) return;
  if (button.dataset.copied !== undefined) return;
  const copied = await copy(button.dataset.copy);
  const label = button.getAttribute("aria-label");
  button.dataset.copied = copied ? "✓" : "✕";
  button.setAttribute("aria-label", copied ? "Copied" : "Cannot copy: select it instead");
  setTimeout(() => {
    delete button.dataset.copied;
    // One with a text of its own has no other label.
    if (label === null) button.removeAttribute("aria-label");
    else button.setAttribute("aria-label", label);
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
