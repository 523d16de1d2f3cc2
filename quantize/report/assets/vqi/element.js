// ---- <vqi-image src="photo.vqi" alt="…" codebook="shared.vqc"> ----

/** Like <img>: as large as the image if the page says nothing else, and never wider than what it is in. */
const styleOf = (width, height) => `
  :host { display: inline-block; max-width: 100%; overflow: hidden; vertical-align: bottom;
    ${width ? `width: ${width}px; aspect-ratio: ${width} / ${height};` : ""} }
  :host([hidden]) { display: none; }
  img { display: block; width: 100%; height: 100%; object-fit: inherit; image-rendering: inherit; }
  img[hidden] { display: none; }
`;

export class VqiImage extends (globalThis.HTMLElement ?? Object) {
  static observedAttributes = ["src", "alt", "codebook"];

  #image = null;
  #message = null;
  #style = null;
  #work = null;

  /** Whether the whole image is shown. */
  complete = false;

  constructor() {
    super();
    const root = this.attachShadow({ mode: "open" });
    this.#style = new CSSStyleSheet();
    root.adoptedStyleSheets = [this.#style];
    this.#image = Object.assign(document.createElement("img"), { hidden: true });
    this.#image.part = "image";
    this.#message = document.createElement("span");
    this.#message.part = "error";
    this.#message.setAttribute("role", "alert");
    root.append(this.#image, this.#message);
    this.#style.replaceSync(styleOf());
  }

  get src() { return this.getAttribute("src") ?? ""; }
  set src(address) { this.setAttribute("src", address); }
  get alt() { return this.getAttribute("alt") ?? ""; }
  set alt(text) { this.setAttribute("alt", text); }
  get codebook() { return this.getAttribute("codebook") ?? ""; }
  set codebook(address) { this.setAttribute("codebook", address); }

  connectedCallback() { this.#start(); }

  disconnectedCallback() {
    this.#work?.abort();
    URL.revokeObjectURL(this.#image.vqiAddress);
  }

  attributeChangedCallback(name) {
    if (name === "alt") this.#image.alt = this.alt;
    else if (this.isConnected) this.#start();
  }

  async #start() {
    this.#work?.abort();
    const { signal } = (this.#work = new AbortController());
    this.complete = false;
    this.#message.textContent = "";
    if (!this.hasAttribute("src")) return;
    try {
      const addresses = this.codebook ? [this.src, this.codebook] : [this.src];
      const [data, codebook] = await Promise.all(
        addresses.map((address) => bytesFrom(new URL(address, this.ownerDocument.baseURI), signal)),
      );
      const { width, height } = unpack(data, MOST_PIXELS);
      this.#style.replaceSync(styleOf(width, height));
      this.#image.hidden = false;
      await show(this.#image, data, { codebook, signal });
      this.complete = true;
      this.dispatchEvent(new Event("load"));
    } catch (error) {
      if (signal.aborted) return;
      this.#image.hidden = true;
      this.#style.replaceSync(styleOf());
      this.#message.textContent = `${this.alt || this.src}: ${error.message}`;
      this.dispatchEvent(new ErrorEvent("error", { error, message: error.message }));
    }
  }
}

if (globalThis.customElements && !customElements.get("vqi-image")) customElements.define("vqi-image", VqiImage);
