/* What makes the pages live and quick to use. Without it they are still whole. */
import "./charts.js";
import "./copy.js";
import "./filters.js";
import "./keys.js";
import "./live.js";
import "./times.js";

/* What only works with JavaScript is shown from here on. */
document.documentElement.classList.add("js");
