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
  byId("status").textContent = words;
  byId("status").classList.toggle("failed", failed);
  if (words) hush = setTimeout(() => say(""), failed ? 9000 : 4000);
}

async function ask(address, wish) {
  const options = wish === undefined ? {} : {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(wish),
  };
  let answer;
  try {
    answer = await fetch(address, { cache: "no-store", ...options });
  } catch {
    throw Object.assign(new Error("keyframes has stopped; start it again to continue."), { status: 0 });
  }
  const content = await answer.json();
  if (!answer.ok) throw Object.assign(new Error(content.error), { status: answer.status });
  return content;
}
