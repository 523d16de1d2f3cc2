// ---- PNG: so that the browser shows colour profiles and alpha, and saves the image ----

function chunk(kind, body) {
  const whole = new Uint8Array(12 + body.length), view = viewOf(whole);
  view.setUint32(0, body.length);
  whole.set(Array.from(kind, (letter) => letter.charCodeAt(0)), 4);
  whole.set(body, 8);
  view.setUint32(8 + body.length, crc32(whole.subarray(4, 8 + body.length)));
  return whole;
}

/** Pixels as zlib has them, but not compressed: that would take longer than to decode them. */
function stored({ height, width, channels, pixels }) {
  const row = width * channels, rows = new Uint8Array(height * (row + 1));
  for (let r = 0; r < height; r++) rows.set(pixels.subarray(r * row, (r + 1) * row), r * (row + 1) + 1);
  const nBlocks = Math.ceil(rows.length / 65535), body = new Uint8Array(6 + rows.length + 5 * nBlocks);
  body.set([0x78, 1]);
  let a = 1, b = 0, at = 2;
  for (let start = 0; start < rows.length; start += 65535) {
    const block = rows.subarray(start, start + 65535), n = block.length;
    body.set([start + n === rows.length ? 1 : 0, n & 255, n >> 8, ~n & 255, (~n >> 8) & 255], at);
    body.set(block, at + 5);
    at += 5 + n;
    for (let i = 0; i < n; ) {
      for (const end = Math.min(i + 3800, n); i < end; i++) b += a += block[i];
      a %= 65521;
      b %= 65521;
    }
  }
  viewOf(body).setUint32(at, b * 65536 + a);
  return body;
}

/** A decoded picture as a PNG file, with its colour profile. */
export async function toPng(picture) {
  const { height, width, channels, metadata } = picture, head = new Uint8Array(13);
  viewOf(head).setUint32(0, width);
  viewOf(head).setUint32(4, height);
  head.set([8, [0, 4, 2, 6][channels - 1]], 8);
  const parts = [new Uint8Array([0x89, 80, 78, 71, 13, 10, 26, 10]), chunk("IHDR", head)];
  if (metadata.png) {
    const chunks = await inflated(metadata.png, "deflate").catch(() => check(false, "has metadata that cannot be unpacked"));
    check(chunks.length <= MOST_METADATA, "has metadata that is too large");
    parts.push(chunks);
  }
  if (metadata.icc) parts.push(chunk("iCCP", joined([Uint8Array.of(105, 99, 99, 0, 0), metadata.icc])));
  parts.push(chunk("IDAT", stored(picture)), chunk("IEND", new Uint8Array(0)));
  return new Blob(parts, { type: "image/png" });
}

/** Show a .vqi file in an <img>, coarse levels first. Options and errors as of `decode`. */
export async function show(image, data, options = {}) {
  await decode(data, {
    ...options,
    async onPicture(picture) {
      const address = URL.createObjectURL(await toPng(picture));
      try {
        options.signal?.throwIfAborted();
        image.src = address;
        // What a browser cannot show is an error as well.
        await image.decode().catch(() => { throw new VqiError(`this browser cannot show ${picture.width} x ${picture.height} pixels`); });
      } catch (error) {
        URL.revokeObjectURL(address);
        throw error;
      }
      URL.revokeObjectURL(image.vqiAddress);
      image.vqiAddress = address;
    },
  });
}
