// Behind vqi.js, as one module: decodes the .vqi file that the page holds.
const resultImage = document.getElementById("result");
const held = (id) => {
  const element = document.getElementById(id);
  return element ? Uint8Array.from(atob(element.textContent), (letter) => letter.charCodeAt(0)) : undefined;
};

show(resultImage, held("vqi"), { known: held("known") }).then(
  () => resultImage.classList.add("whole"),
  (error) => {
    const message = Object.assign(document.createElement("p"), { className: "failed", textContent: error.message });
    message.setAttribute("role", "alert");
    resultImage.replaceWith(message);
  },
);
