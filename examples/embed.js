// The script of embed.html: start a transaction on your own server, and hand its answer to the element.

const capture = document.querySelector("veridical-capture");
const news = document.getElementById("news");

document.getElementById("start").addEventListener("click", async ({ currentTarget }) => {
  currentTarget.hidden = true;
  const started = await (await fetch("/onboarding/start", { method: "POST" })).json();
  await capture.begin(started).catch(() => {
    currentTarget.hidden = false; // the element has said why
  });
});

capture.addEventListener("veridical-result", ({ detail }) => {
  // For the applicant's eyes only: your server asks the service itself.
  news.textContent = detail.transaction.message;
});
