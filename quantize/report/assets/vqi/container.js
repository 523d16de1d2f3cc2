// ---- Container (quantize/container.py) ----

const CRCS = Int32Array.from({ length: 256 }, (_, i) => {
  for (let k = 0; k < 8; k++) i = i & 1 ? (i >>> 1) ^ 0xedb88320 : i >>> 1;
  return i;
});

function crc32(data, start = 0) {
  let crc = ~start;
  for (let i = 0; i < data.length; i++) crc = (crc >>> 8) ^ CRCS[(crc ^ data[i]) & 255];
  return ~crc >>> 0;
}

const CHUNK_KINDS = "HEAD PLTE INDX BLCK BOOK HASH SCAL ALPH BASE BAND MRES LEVL CELL COAR TAIL".split(" ");

const viewOf = (data) => new DataView(data.buffer, data.byteOffset, data.byteLength);

/** Chunks of a file as far as they are whole: it may still show its coarse levels if it is cut off. */
function chunksOf(data, signature, kind) {
  check(signature.every((byte, i) => data[i] === byte), `is not a ${kind} file`);
  const view = viewOf(data), chunks = [];
  let place = 8;
  while (place + 12 <= data.length) {
    const length = view.getUint32(place), end = place + 8 + length;
    if (end + 4 > data.length) break;
    const name = String.fromCharCode(...data.subarray(place + 4, place + 8));
    check(/^[A-Za-z]{4}$/.test(name), "has a chunk without a type");
    const good = crc32(data.subarray(place + 4, end)) === view.getUint32(end);
    check(good, `the checksum of chunk ${name} is wrong`);
    chunks.push([name, data.subarray(place + 8, end)]);
    place = end + 4;
    const left = data.length - place;
    if (name === "TAIL" && left > 0) {
      const more = `${left} byte${left > 1 ? "s" : ""}`;
      throw new VqiError(`has ${more} after its end; the file was joined with another, copy or download it again`);
    }
  }
  check(chunks.length > 0 && chunks[0][0] === "HEAD", "does not begin with its header");
  return { chunks, cut: place < data.length };
}

function unpack(data, maxPixels) {
  const { chunks, cut } = chunksOf(data, SIGNATURE, ".vqi");
  const head = chunks[0][1];
  if (head[0] < 1 || head[0] > 3) throw new VqiError(`is of version ${head[0]}, but this decoder reads up to 3; update vqi.js`);
  check(head.length === 11, "has a header of the wrong length");
  const [, profile, channels] = head, height = viewOf(head).getUint32(3), width = viewOf(head).getUint32(7);
  const sensible = profile >= 1 && profile <= 3 && channels >= 1 && channels <= 4 && height > 0 && width > 0;
  check(sensible, "has an invalid header");
  if (height * width > maxPixels) {
    throw new VqiError(`has ${width} x ${height} pixels, more than ${maxPixels}; allow them with maxPixels`);
  }
  const all = (kind) => chunks.filter(([name]) => name === kind).map(([, body]) => body);
  const one = (kind) => {
    const found = all(kind);
    if (found.length === 0 && cut) check(false, `ends before its chunk ${kind}`);
    check(found.length === 1, `has ${found.length} chunks ${kind} and should have one`);
    return found[0];
  };
  check(all("HEAD").length === 1, "has a second chunk HEAD");
  const other = chunks.find(([name]) => name < "a" && !CHUNK_KINDS.includes(name));
  if (other) throw new VqiError(`has a chunk ${other[0]} that this decoder does not know; update vqi.js`);
  const last = chunks[chunks.length - 1], complete = !cut && last[0] === "TAIL" && last[1].length === 4;
  check(complete || !all("TAIL").length, "does not end with its last chunk");
  const metadata = { icc: all("iccp").pop(), png: all("pngc").pop() };
  return { profile, channels, height, width, nPlanes: channels < 3 ? 1 : 3, all, one, complete, metadata };
}

/** A number of 7 bits a byte from a place on, and the place after it. */
function unpackNumber(data, place) {
  let number = 0, shift = 0, byte = 128;
  while (byte >= 128) {
    check(place < data.length && shift <= 35, "a number does not end");
    byte = data[place++];
    number += (byte & 127) * 2 ** shift;
    shift += 7;
  }
  return [number, place];
}

function unpackStreams(data) {
  const streams = [];
  for (let place = 0, length; place < data.length; ) {
    [length, place] = unpackNumber(data, place);
    check(place + length <= data.length, "a stream is longer than its chunk");
    streams.push(data.subarray(place, (place += length)));
  }
  return streams;
}

const joined = (arrays) => {
  const whole = new Uint8Array(arrays.reduce((sum, array) => sum + array.length, 0));
  arrays.reduce((place, array) => (whole.set(array, place), place + array.length), 0);
  return whole;
};

/** Decode alpha, or nothing where the image has none. */
function* decodeAlpha(file) {
  if (file.channels === file.nPlanes) return null;
  return yield* wholeStream(file.one("ALPH"), (coder) => decodeSymbols(coder, file.height, file.width, 8));
}

/** A picture of a level, 2**level times smaller, without its colours yet; of alpha, one pixel of each square. */
function newPicture(file, alpha, level) {
  const height = up(file.height, level), width = up(file.width, level), { channels, metadata } = file;
  const pixels = new Uint8Array(height * width * channels);
  if (alpha) {
    for (let r = 0, at = channels - 1; r < height; r++) {
      for (let c = 0; c < width; c++, at += channels) pixels[at] = alpha[(r << level) * file.width + (c << level)];
    }
  }
  return { height, width, channels, level, pixels, metadata };
}
