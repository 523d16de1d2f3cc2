// ---- Palette (quantize/palette) ----

function* decodePalette(file) {
  const entries = file.one("PLTE"), n = entries.length / 4, { channels } = file;
  check(Number.isInteger(n) && n >= 1 && n <= 256, "has a palette of an impossible size");
  const nBits = Math.max(digitsOf(n - 1), 1);
  const indices = yield* wholeStream(file.one("INDX"), (coder) => decodeSymbols(coder, file.height, file.width, nBits));
  const picture = newPicture(file, null, 0), { pixels } = picture;
  const parts = channels < 3 ? [0, 3] : [0, 1, 2, 3];
  for (let i = 0, at = 0; i < indices.length; i++) {
    check(indices[i] < n, "has an index beyond its palette");
    for (let k = 0; k < channels; k++) pixels[at++] = entries[4 * indices[i] + parts[k]];
  }
  yield picture;
}
