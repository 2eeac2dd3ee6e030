// What pages can do more with JavaScript: copy, times in the reader's zone, and one
// click where two would send a form twice.
"use strict";

for (const button of document.querySelectorAll("button.copy")) {
  if (!navigator.clipboard) continue;
  button.hidden = false;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(document.getElementById(button.dataset.copies).textContent.trim());
    const label = button.firstChild; // what follows says of what, to those who do not see
    label.data = "Copied";
    setTimeout(() => { label.data = "Copy"; }, 2000);
  });
}

const here = new Intl.DateTimeFormat(undefined, { dateStyle: "long", timeStyle: "short" });
for (const time of document.querySelectorAll("time[datetime]")) {
  time.title = here.format(new Date(time.dateTime));
}

for (const form of document.querySelectorAll("form[method=post]")) {
  form.addEventListener("submit", () => {
    // After the form has been read, or the button's own value would be missing.
    setTimeout(() => { for (const b of form.querySelectorAll("button")) b.disabled = true; });
  });
}
// A page that comes back from the history can be sent again.
addEventListener("pageshow", (event) => {
  if (!event.persisted) return;
  for (const b of document.querySelectorAll("button:disabled")) b.disabled = false;
});

// What is wrong with a form that was sent is where one goes on.
const wrong = document.querySelector("[aria-invalid], .wrong");
if (wrong) (wrong.matches(".wrong") ? wrong.parentElement.querySelector("input, select, textarea") : wrong)?.focus();

const menu = document.querySelector("details.menu-toggle");
if (menu) {
  const narrow = matchMedia("(max-width: 48rem)");
  const fold = () => { menu.open = !narrow.matches; };
  narrow.addEventListener("change", fold);
  fold();
}
