// ---- Decoding ----

const inflated = async (data, format) =>
  new Uint8Array(await new Response(new Blob([data]).stream().pipeThrough(new DecompressionStream(format))).arrayBuffer());

/** The arrays of an .npz file by name; their types are those of `pack_known`. */
async function arraysOf(data) {
  const view = viewOf(data), end = data.length - 22, arrays = new Map();
  check(end >= 0 && view.getUint32(end, true) === 0x06054b50, "the codebooks are not a ZIP file");
  let place = view.getUint32(end + 16, true);
  for (let i = view.getUint16(end + 10, true); i > 0; i--) {
    const [method, size, local] = [view.getUint16(place + 10, true), view.getUint32(place + 20, true), view.getUint32(place + 42, true)];
    const [name, extra, comment] = [28, 30, 32].map((at) => view.getUint16(place + at, true));
    const title = new TextDecoder().decode(data.subarray(place + 46, place + 46 + name)).replace(/\.npy$/, "");
    const start = local + 30 + view.getUint16(local + 26, true) + view.getUint16(local + 28, true);
    const stored = data.subarray(start, start + size), file = method === 8 ? await inflated(stored, "deflate-raw") : stored;
    const length = viewOf(file).getUint16(8, true), body = file.slice(10 + length);
    const type = new TextDecoder().decode(file.subarray(10, 10 + length)).match(/'descr': '(.*?)'/)[1];
    arrays.set(title, new { "|u1": Uint8Array, "<u2": Uint16Array, "<i2": Int16Array }[type](body.buffer));
    place += 46 + name + extra + comment;
  }
  return arrays;
}

async function bytesFrom(address, signal) {
  const response = await fetch(address, { signal });
  if (!response.ok) throw new VqiError(`the server answers ${response.status} ${response.statusText}`.trim());
  return new Uint8Array(await response.arrayBuffer());
}

const shipped = {};

/** Codebooks and models of an edition: as given, or from its file beside this one, which is loaded once. */
function knownModels(edition, given) {
  const { file } = edition, name = JSON.stringify(edition), unpacked = async (data) => unpackKnown(await arraysOf(await data), edition);
  if (given) return unpacked(given);
  shipped[name] ??= unpacked(bytesFrom(new URL(file, import.meta.url)));
  // Tried again where it fails.
  shipped[name].catch(() => { delete shipped[name]; });
  return shipped[name];
}

/** Let the page have its turn; a timer would wait for 4 ms, and in the background for a second. */
const pause = () => new Promise((resolve) => {
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = () => { port1.close(); resolve(); };
  port2.postMessage(null);
});

async function sharedBook(file, codebook) {
  if (file.profile !== 2 || !file.all("HASH").length) return null;
  const hex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("").slice(0, 16);
  const wanted = hex(file.one("HASH"));
  if (!codebook) throw new VqiError(`needs the codebook ${wanted}; name its .vqc file`);
  const body = chunksOf(codebook, BOOK_SIGNATURE, ".vqc").chunks.find(([kind]) => kind === "BOOK");
  check(body, "the codebook has no codewords");
  // Pages without https have no digests; the checksum of the pixels tells a wrong codebook as well.
  const found = globalThis.crypto?.subtle ? hex(new Uint8Array(await crypto.subtle.digest("SHA-256", body[1]))) : wanted;
  if (found !== wanted) throw new VqiError(`needs the codebook ${wanted}, and not ${found}; name another .vqc file`);
  return codebook;
}

/**
 * Decode a .vqi file.
 *
 * @param {Uint8Array} data
 * @param {object} [options]
 * @param {Uint8Array} [options.codebook] The .vqc file that the image was made with, if there is one.
 * @param {Uint8Array} [options.known] The file known2.npz, or known.npz for images of before; without it, it is loaded
 *   from where this module is.
 * @param {number} [options.maxPixels] Larger images are refused.
 * @param {number} [options.level] How many times to halve the image; the file may end before its finer levels.
 * @param {function} [options.onPicture] Called, and waited for, with each picture, the coarsest first.
 * @param {AbortSignal} [options.signal]
 * @returns {Promise<{width, height, channels, level, pixels, metadata}>} `pixels` are bytes, row by row: gray, gray and
 *   alpha, RGB, or RGBA. VqiError where the file is damaged.
 */
export async function decode(data, { codebook, known, maxPixels = MOST_PIXELS, level = 0, onPicture, signal } = {}) {
  const file = unpack(data, maxPixels), shared = await sharedBook(file, codebook);
  const decoder = [
    () => decodePalette(file), () => decodePyramid(file, shared), (models) => decodeLevels(file, models),
  ][file.profile - 1](file.profile === 3 ? await knownModels(editionOf(file), known) : null);
  let start = performance.now();
  for (const picture of decoder) {
    if (picture?.level === 0) {
      check(file.complete, "ends without its last chunk");
      const right = crc32(picture.pixels) === viewOf(file.one("TAIL")).getUint32(0);
      check(right, "does not decode to the pixels that it was made with");
    }
    if (picture) await onPicture?.(picture);
    if (picture?.level === level) return picture;
    if (performance.now() - start > SLICE_MS) {
      await pause();
      signal?.throwIfAborted();
      start = performance.now();
    }
  }
  throw new VqiError(`has no level ${level}`);
}
