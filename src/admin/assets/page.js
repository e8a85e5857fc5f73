/* What makes the pages live and quick to use. Without it they are still whole. */
import "./charts.js";
import "./copy.js";
import "./filters.js";
import "./keys.js";
import "./live.js";
import "./times.js";

/* The pages scroll sideways where they have no room: the one that this is stays in the middle. */
const here = document.querySelector(".bar [aria-current]");
const bar = here?.closest(".bar");
if (here !== null) new ResizeObserver(() => (bar.scrollLeft += middleOf(here) - middleOf(bar))).observe(bar);

function middleOf(element) {
  const { left, right } = element.getBoundingClientRect();
  return (left + right) / 2;
}

/* What only works with JavaScript is shown from here on. */
document.documentElement.classList.add("js");
/* On a phone the pages stand in one line, which may begin to the left of the one that is open. */
document
  .querySelector('nav[aria-label="Pages"] [aria-current]')
  ?.scrollIntoView({ block: "nearest", inline: "nearest" });
