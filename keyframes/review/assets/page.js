"use strict";

// What every part of the page needs: its elements, its messages, and the server.
const byId = (id) => document.getElementById(id);
const count = (number, word) => `${number.toLocaleString("en")} ${word}${number === 1 ? "" : "s"}`;
let hush = 0;

function element(tag, className, properties = {}) {
  return Object.assign(document.createElement(tag), { className, ...properties });
}

function say(words, failed = false) {
  clearTimeout(hush);
  // A dialog hides what is not in it, from the eye and from screen readers.
  const place = document.querySelector("dialog[open]") || document.body;
  if (byId("status").parentElement !== place) place.append(byId("status"));
  byId("status").textContent = words;
  byId("status").classList.toggle("failed", failed);
  if (words) hush = setTimeout(() => say(""), failed ? 9000 : 4000);
}

// `more` are options of `fetch`.
async function ask(address, wish, more = {}) {
  const options = wish === undefined ? {} : {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(wish),
  };
  let answer;
  try {
    answer = await fetch(address, { cache: "no-store", ...options, ...more });
  } catch {
    throw Object.assign(new Error("keyframes has stopped; start it again, and continue on the page that it opens"), { status: 0 });
  }
  const content = await answer.json();
  if (!answer.ok) throw Object.assign(new Error(content.error), { status: answer.status });
  return content;
}
