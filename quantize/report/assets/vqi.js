/**
 * Decodes .vqi images in a browser, to the same pixels as quantize.decode, and shows them as <vqi-image src="…">.
 *
 * The docstring of quantize/container.py specifies the format; names and order here follow the Python modules. Numbers
 * are integers of 32 bits. Where a product needs more, it is a double below 2**53, which is exact as well.
 */

const SIGNATURE = [0x89, 0x56, 0x51, 0x49, 13, 10, 26, 10];
const BOOK_SIGNATURE = [0x89, 0x56, 0x51, 0x43, 13, 10, 26, 10];
const MOST_PIXELS = 178956970;
const MOST_METADATA = 16 << 20;
// A page stays responsive: after so many milliseconds of work it has its turn.
const SLICE_MS = 10;
// Decisions between two looks at the clock, and at the end of the data, as `has_ended` in Python.
const RUN = 256;

export class VqiError extends Error {}

function check(good, message) {
  if (!good) throw new VqiError(`${message}; the file is damaged, get it again`);
}

const clamp = (value, least, most) => (value < least ? least : value > most ? most : value);
const up = (size, shift) => Math.ceil(size / 2 ** shift);
const digitsOf = (value) => 32 - Math.clz32(value);

// ---- Entropy coder (quantize/entropy) ----

const LIMIT = 250;
const REACH = 12 * 256 - 1;

/** The tables of the logistic function, from integers of 80 bits: they are the same everywhere. */
function logisticTables() {
  const one = 1n << 80n;
  const floor = (a, b) => (a < 0n && a % b !== 0n ? a / b - 1n : a / b);
  let ratio = one, term = one;
  for (let n = 1n; n < 40n; n++) {
    term = floor(-term, 256n * n);
    ratio += term;
  }
  const logistic = new Int32Array(2 * REACH + 1);
  let power = one;
  for (let x = 0; x <= REACH; x++) {
    const value = Number(((one << 16n) + ((one + power) >> 1n)) / (one + power));
    logistic[REACH - x] = 65536 - value;
    logistic[REACH + x] = value;
    power = (power * ratio) >> 80n;
  }
  const stretch = new Int16Array(4096);
  for (let i = 0, at = 0; i < 4096; i++) {
    while (logistic[at] < 16 * i + 8) at++;
    stretch[i] = at - REACH;
  }
  return [Uint16Array.from(logistic, (value) => clamp(value, 16, 65520)), stretch];
}

const [SQUASH, STRETCH] = logisticTables();
const SHARE = Uint16Array.from({ length: LIMIT + 1 }, (_, n) => Math.floor(655360 / (10 * n + 16)));
const TRUST = Int16Array.from({ length: LIMIT + 1 }, (_, n) => Math.floor((512 * n) / (2 * n + 3)));

/** Class of each number below n: how many of the limits it reaches. */
function classesByLimits(limits, n, most = 255) {
  return Uint8Array.from({ length: n }, (_, i) => Math.min(most, limits.filter((limit) => limit <= i).length));
}

/** Cells and weights of a model that has learnt nothing. */
function newModel(nCells, nSets, nInputs = 6) {
  return {
    table: new Int32Array(nCells).fill(1 << 30),
    weights: new Int32Array(nSets * nInputs).fill(nInputs === 6 ? 1 << 14 : 3 << 13),
  };
}

const copyOf = (model) => ({ ...model, table: model.table.slice(), weights: model.weights.slice() });

const opinion = (cell) => (STRETCH[cell >> 19] * TRUST[cell & 511]) >> 8;

/** Cell after a decision. The product of the two has 38 bits, so that it is made of two halves. */
function learn(cell, target) {
  const used = cell & 511, probability = cell >> 9, share = SHARE[used], error = target - probability;
  const change = (Math.imul(error >> 8, share) + (Math.imul(error & 255, share) >> 8)) >> 8;
  return ((probability + change) << 9) | (used < LIMIT ? used + 1 : used);
}

function squashed(total) {
  // The sum may need more than 32 bits, but not within the reach of the table.
  return SQUASH[REACH + (total >= REACH * 65536 ? REACH : total < -REACH * 65536 ? -REACH : total >> 16)];
}

class Coder {
  constructor(data) {
    this.data = data;
    this.low = 0;
    this.high = -1;
    this.place = 4;
    this.code = 0;
    for (let i = 0; i < 4; i++) this.code = (this.code << 8) | (i < data.length ? data[i] : 0);
  }

  /** Decode a decision whose probability of a one is so many 65,536ths. */
  bit(one) {
    let low = this.low, high = this.high;
    const range = (high - low) >>> 0;
    const middle = (low + Math.imul(range >>> 16, one) + (Math.imul(range & 65535, one) >>> 16)) | 0;
    const bit = this.code >>> 0 <= middle >>> 0 ? 1 : 0;
    if (bit === 1) high = middle;
    else low = (middle + 1) | 0;
    while (((low ^ high) & 0xff000000) === 0) {
      this.code = (this.code << 8) | (this.place < this.data.length ? this.data[this.place] : 0);
      this.place++;
      low <<= 8;
      high = (high << 8) | 255;
    }
    this.low = low;
    this.high = high;
    return bit;
  }

  /** Decode a decision that six contexts have opinions on, and learn from it. */
  decide(bases, node, model, set) {
    const { table, weights } = model;
    const w = 6 * set;
    const at0 = bases[0] + node, at1 = bases[1] + node, at2 = bases[2] + node;
    const at3 = bases[3] + node, at4 = bases[4] + node, at5 = bases[5] + node;
    const cell0 = table[at0], cell1 = table[at1], cell2 = table[at2];
    const cell3 = table[at3], cell4 = table[at4], cell5 = table[at5];
    const say0 = opinion(cell0), say1 = opinion(cell1), say2 = opinion(cell2);
    const say3 = opinion(cell3), say4 = opinion(cell4), say5 = opinion(cell5);
    const one = squashed(
      say0 * weights[w] + say1 * weights[w + 1] + say2 * weights[w + 2] +
      say3 * weights[w + 3] + say4 * weights[w + 4] + say5 * weights[w + 5],
    );
    const bit = this.bit(one), error = (bit << 16) - one, target = (bit << 22) - bit;
    weights[w] += (Math.imul(say0, error) + 32768) >> 16;
    weights[w + 1] += (Math.imul(say1, error) + 32768) >> 16;
    weights[w + 2] += (Math.imul(say2, error) + 32768) >> 16;
    weights[w + 3] += (Math.imul(say3, error) + 32768) >> 16;
    weights[w + 4] += (Math.imul(say4, error) + 32768) >> 16;
    weights[w + 5] += (Math.imul(say5, error) + 32768) >> 16;
    table[at0] = learn(cell0, target);
    table[at1] = learn(cell1, target);
    table[at2] = learn(cell2, target);
    table[at3] = learn(cell3, target);
    table[at4] = learn(cell4, target);
    table[at5] = learn(cell5, target);
    return bit;
  }

  /** The same with three contexts. */
  decideFew(bases, node, model, set) {
    const { table, weights } = model;
    const w = 3 * set;
    const at0 = bases[0] + node, at1 = bases[1] + node, at2 = bases[2] + node;
    const cell0 = table[at0], cell1 = table[at1], cell2 = table[at2];
    const say0 = opinion(cell0), say1 = opinion(cell1), say2 = opinion(cell2);
    const one = squashed(say0 * weights[w] + say1 * weights[w + 1] + say2 * weights[w + 2]);
    const bit = this.bit(one), error = (bit << 16) - one, target = (bit << 22) - bit;
    weights[w] += (Math.imul(say0, error) + 32768) >> 16;
    weights[w + 1] += (Math.imul(say1, error) + 32768) >> 16;
    weights[w + 2] += (Math.imul(say2, error) + 32768) >> 16;
    table[at0] = learn(cell0, target);
    table[at1] = learn(cell1, target);
    table[at2] = learn(cell2, target);
    return bit;
  }

  /** Decode a whole number of up to 20 digits. */
  number(bases, model, set) {
    let n = 0;
    while (n < 20 && this.decide(bases, n, model, set) === 1) n++;
    if (n === 0) return 0;
    const negative = this.decide(bases, 20, model, set + 1);
    let found = 1;
    for (let d = n - 2; d >= 0; d--) {
      found = found * 2 + this.decide(bases, d === n - 2 ? 21 + n : 42 + d, model, set + 2);
    }
    return negative === 1 ? -found : found;
  }

  checkEnd() {
    check(this.place <= this.data.length + 4, "the coded data end too early");
  }

  end() {
    check(this.place <= this.data.length + 3, "the coded data end too early");
    check(this.place >= this.data.length, "there are more coded data than belong to the image");
  }
}

/** Decode rows of so many columns, a few columns at a time, with a pause after each few. */
function* inRuns(coder, rows, columns, work) {
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < columns; c += RUN) {
      coder.checkEnd();
      work(r, c, Math.min(c + RUN, columns));
      yield;
    }
  }
}

const activity = (size) => (size >= 1024 ? 11 : digitsOf(size));

/** Decode planes of whole numbers: `code_planes`, without the step. They may need more than 32 bits in damaged files. */
function* decodeTop(data, nPlanes, rows, columns) {
  const coder = new Coder(data), model = newModel(125 * 64, 3), bases = new Int32Array(6);
  const planes = [];
  let left = 0;
  for (let p = 0; p < nPlanes; p++) {
    const plane = new Float64Array(rows * columns);
    planes.push(plane);
    yield* inRuns(coder, rows, columns, (r, first, last) => {
      for (let c = first; c < last; c++) {
        const at = r * columns + c;
        const west = c > 0 ? plane[at - 1] : r > 0 ? plane[at - columns] : 0;
        const north = r > 0 ? plane[at - columns] : west;
        const corner = r > 0 && c > 0 ? plane[at - columns - 1] : north;
        const expected = clamp(west + north - corner, Math.min(west, north), Math.max(west, north));
        const busy = activity(Math.abs(west - corner) + Math.abs(north - corner)), before = activity(Math.abs(left));
        bases[1] = 64 * (1 + p);
        bases[2] = 64 * (5 + busy);
        bases[3] = 64 * (17 + p * 12 + busy);
        bases[4] = 64 * (65 + before);
        bases[5] = 64 * (77 + p * 12 + before);
        left = coder.number(bases, model, 0);
        plane[at] = expected + left;
      }
    });
  }
  coder.end();
  return planes;
}

/** Decode a list of numbers, every `period`-th of the same kind. */
function* decodeList(data, length, period) {
  const coder = new Coder(data), model = newModel((205 + period) * 64, 3), bases = new Int32Array(6);
  const numbers = new Int32Array(length);
  yield* inRuns(coder, 1, length, (_, first, last) => {
    for (let i = first; i < last; i++) {
      const latest = i > 0 ? numbers[i - 1] : 0;
      const before = activity(Math.abs(latest)), alike = i >= period ? activity(Math.abs(numbers[i - period])) : 0;
      bases[1] = 64 * (1 + (i % period));
      bases[2] = 64 * (1 + period + before);
      bases[3] = 64 * (13 + period + alike);
      bases[4] = 64 * (25 + period + 3 * before + 1 + Math.sign(latest));
      bases[5] = 64 * (61 + period + before * 12 + alike);
      numbers[i] = coder.number(bases, model, 0);
    }
  });
  coder.end();
  return numbers;
}

/** Decode a plane of numbers of 1 to 8 bits: indices of a palette, alpha, classes of steps. */
function* decodeSymbols(data, rows, columns, nBits) {
  const size = 1 << nBits, hashed = size + 2 * size * size, shared = 1 << 18;
  const coder = new Coder(data), model = newModel(hashed + 3 * (shared + size), size), bases = new Int32Array(6);
  const symbols = new Uint8Array(rows * columns);
  yield* inRuns(coder, rows, columns, (r, first, last) => {
    for (let c = first; c < last; c++) {
      const at = r * columns + c;
      const north0 = r > 0 ? symbols[at - columns] : 0;
      const west = c > 0 ? symbols[at - 1] : north0;
      const northwest = r > 0 && c > 0 ? symbols[at - columns - 1] : north0;
      const northeast = r > 0 && c + 1 < columns ? symbols[at - columns + 1] : north0;
      const farther = c > 1 ? symbols[at - 2] : northwest;
      const near = west * 256 + north0;
      const around = west * 65536 + north0 * 256 + northeast;
      const before = west * 65536 + farther * 256 + northwest;
      // Times 2**31 - 1, 2**30 - 35 and 2**30 - 41, of which only the bits from 17 or 19 on count.
      bases[1] = size + size * west;
      bases[2] = size + size * size + size * north0;
      bases[3] = hashed + (((near << 14) + (-near >> 17)) & (shared - 1));
      bases[4] = hashed + shared + size + (((around << 11) + ((-35 * around) >> 19)) & (shared - 1));
      bases[5] = hashed + 2 * (shared + size) + (((before << 11) + ((-41 * before) >> 19)) & (shared - 1));
      let node = 1;
      for (let d = 0; d < nBits; d++) node = node * 2 + coder.decide(bases, node, model, node);
      symbols[at] = node - size;
    }
  });
  coder.end();
  return symbols;
}

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

const viewOf = (data) => new DataView(data.buffer, data.byteOffset, data.byteLength);

/** Chunks of a file as far as they are whole: it may still show its coarse levels if it is cut off. */
function chunksOf(data, signature, kind) {
  check(signature.every((byte, i) => data[i] === byte), `is no ${kind} file`);
  const view = viewOf(data), chunks = [];
  let place = 8;
  while (place + 12 <= data.length) {
    const length = view.getUint32(place), end = place + 8 + length;
    if (end + 4 > data.length) break;
    const name = String.fromCharCode(...data.subarray(place + 4, place + 8));
    check(/^[A-Za-z]{4}$/.test(name), "has a chunk without a type");
    const good = crc32(data.subarray(place + 4, end)) === view.getUint32(end);
    check(good, `chunk ${name} does not have its checksum`);
    chunks.push([name, data.subarray(place + 8, end)]);
    place = end + 4;
  }
  check(chunks.length > 0 && chunks[0][0] === "HEAD", "does not begin with its header");
  return { chunks, cut: place < data.length };
}

function unpack(data, maxPixels) {
  const { chunks, cut } = chunksOf(data, SIGNATURE, ".vqi");
  const head = chunks[0][1];
  if (head[0] !== 1) throw new VqiError(`is of version ${head[0]}, this decoder reads 1; update it`);
  check(head.length === 11, "has a header of the wrong length");
  const [, profile, channels] = head, height = viewOf(head).getUint32(3), width = viewOf(head).getUint32(7);
  const sensible = profile >= 1 && profile <= 3 && channels >= 1 && channels <= 4 && height > 0 && width > 0;
  check(sensible, "has a header that makes no sense");
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
  const last = chunks[chunks.length - 1], complete = !cut && last[0] === "TAIL" && last[1].length === 4;
  check(complete || !all("TAIL").length, "does not end with its last chunk");
  const metadata = { icc: all("iccp").pop(), png: all("pngc").pop() };
  return { profile, channels, height, width, nPlanes: channels < 3 ? 1 : 3, all, one, complete, metadata };
}

function unpackStreams(data) {
  const streams = [];
  for (let place = 0; place < data.length; ) {
    let length = 0, shift = 0, byte = 128;
    while (byte >= 128) {
      check(place < data.length && shift <= 35, "a stream has no length");
      byte = data[place++];
      length += (byte & 127) * 2 ** shift;
      shift += 7;
    }
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
  return yield* decodeSymbols(file.one("ALPH"), file.height, file.width, 8);
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

// ---- Palette (quantize/palette) ----

function* decodePalette(file) {
  const entries = file.one("PLTE"), n = entries.length / 4, { channels } = file;
  check(Number.isInteger(n) && n >= 1 && n <= 256, "has a palette of an impossible size");
  const indices = yield* decodeSymbols(file.one("INDX"), file.height, file.width, Math.max(digitsOf(n - 1), 1));
  const picture = newPicture(file, null, 0), { pixels } = picture;
  const parts = channels < 3 ? [0, 3] : [0, 1, 2, 3];
  for (let i = 0, at = 0; i < indices.length; i++) {
    check(indices[i] < n, "has an index beyond its palette");
    for (let k = 0; k < channels; k++) pixels[at++] = entries[4 * indices[i] + parts[k]];
  }
  yield picture;
}

// ---- Multi-resolution (quantize/multiresolution) ----

const STEP_FACTORS = [64, 76, 91, 108, 128, 152, 181, 215, 256, 304, 362, 431, 512, 609, 724, 861];
const DETAIL_STEPS = [[64804, 83266], [49654, 67763], [35853, 47686], [26584, 34876], [19991, 26117], [15096, 19701]];
const COARSE_STEPS = [50435, 36384, 26956, 20264, 15302, 11568];
const LOW_GAINS = [65536, 43326, 28643, 18936, 12519, 8276, 5472];
const LIFTING = [-6497, -217, 3616, 1817];
const SIZES = classesByLimits([1, 3, 5, 8, 12, 17, 24, 34, 50, 76, 120], 2048);
const FEW_SIZES = classesByLimits([1, 4, 9, 17, 30, 54, 100], 2048, 7);
const SIDES = classesByLimits([1, 2, 3, 5, 8, 13, 22], 256);
const PARTS = classesByLimits([1, 3, 6, 11, 20], 2048);
const TOTALS = classesByLimits(
  Array.from({ length: 23 }, (_, n) => 1 + Math.floor((n * (n + 3)) / 2) * (n < 8 ? 1 : 1 + Math.floor((n - 7) / 3))), 4096,
);
// Contexts of flags, nodes, signs and numbers, and cells of each; nodes have as many as the tree.
const CONTEXTS = [
  [24, 288, 432, 288, 512, 1000], [6, 64, 125, 64, 64, 64], [6, 162, 162, 54, 54, 162], [1, 18, 36, 36, 36, 3],
];
const COUNTS = [0, 1, 2, 3, 4, 6, 8, 11, 14, 18, 24, 32, 48, 80, 140, LIMIT];
const FLAG_SETS = 36, NODE_SETS = 16, SIGN_SETS = 6;
const BYTES = 0x00ff00ff;
const NOTHING = { seen: null, signs: null, stride: 0 };

/** Codebooks and models from the arrays of known.npz. */
function unpackKnown(arrays) {
  return ["luma", "chroma"].map((kind) => {
    const [codewords, children, cells, weights] = ["codewords", "children", "cells", "weights"].map(
      (name) => arrays.get(`${kind}_${name}`),
    );
    let place = 0;
    const nNodes = children.length / 2;
    const starts = CONTEXTS.map((contexts, group) =>
      contexts.map((n) => (place += n * [1, nNodes, 1, 64][group]) - n * [1, nNodes, 1, 64][group]));
    const table = Int32Array.from(cells, (cell) =>
      ((cell & 15) === 0 ? 1 << 30 : ((cell >> 4) << 19) | (1 << 18) | COUNTS[cell & 15]));
    return { codewords, children, nNodes, model: { table, weights: Int32Array.from(weights, (w) => w << 6), starts } };
  });
}

class LevelsLayout {
  constructor(file) {
    const { height, width, nPlanes } = file;
    Object.assign(this, { height, width, nPlanes });
    this.nLevels = clamp(digitsOf(Math.min(height, width) >> 3) - 1, 1, 6);
    const [rows] = this.shape(this.nLevels);
    this.topRows = rows;
    this.cellRows = Math.max(16 >> this.nLevels, 1);
    const most = Math.min(16, Math.floor(rows / this.cellRows));
    this.nStripes = Math.max(Math.min(Math.floor((height * width) / 180000), most), 1);
  }

  shape(level) {
    const finer = 2 ** (this.nLevels - level);
    return [up(this.height, this.nLevels) * finer, up(this.width, this.nLevels) * finer];
  }

  stripeRows(stripe, level) {
    const edge = (i) => Math.floor((this.topRows * i) / this.nStripes) & -this.cellRows;
    const last = stripe + 1 === this.nStripes ? this.topRows : edge(stripe + 1);
    return [edge(stripe) << (this.nLevels - level), last << (this.nLevels - level)];
  }
}

/** Class of the sizes of a vector's directions, with so many classes each. */
function kindOf(directions, few) {
  let kind = 0;
  if (directions === 0) return 0;
  for (let k = 0; k < 24; k += 8) {
    const side = SIDES[(directions >> k) & 255];
    kind = few ? kind * 4 + Math.min((side + 1) >> 1, 3) : kind * 5 + Math.min(side, 4);
  }
  return kind;
}

const signOf = (signs, i) => (signs >> (2 * i)) & 3;

/** Decode the vectors of a row of a band, of columns `first` to `last`: `code_details`. */
function decodeDetails(coder, band, r, first, last) {
  const { level, n, details, columns, steps, cells, cellColumns, firstCell, shift, book, model, bases, numbers } = band;
  const { codewords, children, nNodes } = book, { starts } = model, [flagAt, nodeAt, signAt, numberAt] = starts;
  const { seen, signs, stride } = band.own, parents = band.parents.seen, others = band.others.seen;
  const escape = codewords.length / n - 1, fine = level === 0 ? 1 : 0, group = Math.min(level, 2);
  const cellRow = (firstCell + (shift >= 0 ? r >> shift : r << -shift)) * cellColumns;
  const parentRow = ((r >> 1) + 2) * band.parents.stride;
  const parentSide = ((r >> 1) + 1 + 2 * (r & 1)) * band.parents.stride;
  for (let c = first; c < last; c++) {
    const at = (r + 2) * stride + c + 2, place = (r * columns + c) * n;
    const west = seen[at - 1], north = seen[at - stride], northwest = seen[at - stride - 1], northeast = seen[at - stride + 1];
    const far = (seen[at - 2] >>> 24) + (seen[at - 2 * stride] >>> 24);
    const even = 2 * ((west & BYTES) + (north & BYTES)) + (northwest & BYTES) + (northeast & BYTES);
    const odd = 2 * (((west >>> 8) & BYTES) + ((north >>> 8) & BYTES)) + ((northwest >>> 8) & BYTES) + ((northeast >>> 8) & BYTES);
    const near = (odd >> 16) + (far >> 1);
    let above = 0, other = 0, kind = 0, parent = 0, beside = 0;
    if (others !== null) {
      beside = others[at];
      other = 2 * (beside >>> 24) + (others[at + 1] >>> 24) + (others[at + stride] >>> 24);
    }
    const u = (c >> 1) + 2;
    if (parents !== null) {
      parent = parents[parentRow + u];
      above = 2 * (parent >>> 24) + (parents[parentRow + u - 1 + 2 * (c & 1)] >>> 24) + (parents[parentSide + u] >>> 24);
    }
    const parentKind = kindOf(parents !== null ? parent : beside, false);
    if (near > 0) kind = PARTS[even & 0xffff] * 36 + PARTS[odd & 0xffff] * 6 + PARTS[even >> 16];
    const size = SIZES[near], parentSize = SIZES[above], otherSize = SIZES[other], few = FEW_SIZES[near];
    const total = TOTALS[Math.min(2 * near + 3 * above + (other >> 1), 4095)];
    const sides = (SIDES[west >>> 24] * 8 + SIDES[north >>> 24]) * 4 + Math.min(SIDES[northeast >>> 24], 3);
    bases[0] = flagAt[0] + level * 4 + (r & 1) * 2 + (c & 1);
    bases[1] = flagAt[1] + (size * 12 + parentSize) * 2 + fine;
    bases[2] = flagAt[2] + kind * 2 + fine;
    bases[3] = flagAt[3] + total * 12 + (others !== null ? otherSize : level);
    bases[4] = flagAt[4] + sides * 2 + fine;
    bases[5] = flagAt[5] + parentKind * 8 + few;
    if (coder.decide(bases, 0, model, size * 3 + group) === 1) continue;

    bases[0] = nodeAt[0] + nNodes * level;
    bases[1] = nodeAt[1] + nNodes * (few * 8 + FEW_SIZES[above]);
    bases[2] = nodeAt[2] + nNodes *
      (Math.min(PARTS[even & 0xffff], 4) * 25 + Math.min(PARTS[odd & 0xffff], 4) * 5 + Math.min(PARTS[even >> 16], 4));
    bases[3] = nodeAt[3] + nNodes * kindOf(parent, true);
    bases[4] = nodeAt[4] + nNodes * (few * 8 + FEW_SIZES[other]);
    bases[5] = nodeAt[5] + nNodes *
      (others !== null ? kindOf(beside, true) : SIDES[west >>> 24] * 8 + SIDES[north >>> 24]);
    let node = 0;
    for (let depth = 0; node >= 0; depth++) {
      node = children[2 * node + coder.decide(bases, node, model, FLAG_SETS + Math.min(depth, NODE_SETS - 1))];
    }
    const j = -1 - node;
    if (j === escape) {
      for (let i = 0; i < n; i++) {
        const direction = i % 3;
        bases[0] = numberAt[0];
        bases[1] = numberAt[1] + 64 * (level * 3 + direction);
        bases[2] = numberAt[2] + 64 * (direction * 12 + size);
        bases[3] = numberAt[3] + 64 * (direction * 12 + parentSize);
        bases[4] = numberAt[4] + 64 * (direction * 12 + SIZES[i > 0 ? Math.min(4 * numbers[i - 1], 2047) : 0]);
        bases[5] = numberAt[5] + 64 * direction;
        numbers[i] = Math.abs(coder.number(bases, model, FLAG_SETS + NODE_SETS + SIGN_SETS));
      }
    }
    const parentAt = parentRow + u, cell = cells[cellRow + (shift >= 0 ? c >> shift : c << -shift)];
    let before = 0, all = 0, directions = 0, found = 0;
    for (let i = 0; i < n; i++) {
      const length = j === escape ? numbers[i] * 16 : codewords[j * n + i];
      let sign = 0;
      if (length > 0) {
        const westSign = signOf(signs[at - 1], i), northSign = signOf(signs[at - stride], i);
        const ends = signOf(signs[at - stride + 1], i) * 3 + signOf(signs[at - stride - 1], i);
        const farther = signOf(signs[at - 2], i) * 3 + signOf(signs[at - 2 * stride], i);
        const parentSign = parents !== null ? signOf(band.parents.signs[parentAt], i) : 0;
        const otherSign = others !== null ? signOf(band.others.signs[at], i % 3) : 0;
        bases[0] = signAt[0] + i;
        bases[1] = signAt[1] + i * 27 + westSign * 9 + northSign * 3 + otherSign;
        bases[2] = signAt[2] + i * 27 + otherSign * 9 + before;
        bases[3] = signAt[3] + i * 9 + ends;
        bases[4] = signAt[4] + i * 9 + farther;
        bases[5] = signAt[5] + i * 27 + parentSign * 9 + westSign * 3 + northSign;
        const negative = coder.decide(bases, 0, model, FLAG_SETS + NODE_SETS + i);
        const value = Math.min(Math.floor((length * steps[cell * n + i] + 65536) / 131072), 32767);
        details[place + i] = negative === 1 ? -value : value;
        sign = 1 + negative;
      }
      before = (before * 3 + sign) % 9;
      found |= sign << (2 * i);
      const half = Math.min((length + 4) >> 3, 255), byte = 8 * (i % 3);
      all += half;
      directions += Math.min(half, 255 - ((directions >> byte) & 255)) << byte;
    }
    signs[at] = found;
    seen[at] = directions | (clamp(all, 1, 255) << 24);
  }
}

/** Undo a level of the transform of a plane: `restore_columns` and `restore_rows`. */
function* restored(low, rows, columns, details, n, component) {
  const width = 2 * columns, height = 2 * rows, plane = new Int16Array(width * height);
  for (let r = 0, from = component; r < rows; r++) {
    for (let c = 0, at = 2 * r * width; c < columns; c++, at++, from += n) {
      plane[at] = low[r * columns + c];
      plane[at + columns] = details[from];
      plane[at + width] = details[from + 1];
      plane[at + width + columns] = details[from + 2];
    }
    if (r % 32 === 0) yield;
  }
  for (let step = 3; step >= 0; step--) {
    for (let r = 1 - (step % 2); r < height; r += 2) {
      const row = r * width, above = (r > 0 ? r - 1 : 1) * width, below = (r + 1 < height ? r + 1 : height - 2) * width;
      liftRow(plane, row, plane, above, below, width, LIFTING[step]);
      if (r % 32 < 2) yield;
    }
  }
  const even = new Int32Array(columns + 1), odd = new Int32Array(columns + 1);
  for (let r = 0; r < height; r++) {
    const row = r * width;
    even.set(plane.subarray(row, row + columns));
    odd.set(plane.subarray(row + columns, row + width), 1);
    // Each line has its neighbours at the same place and the next one; what is beyond its ends is mirrored.
    for (let step = 3; step >= 0; step--) {
      if (step % 2 === 1) {
        odd[0] = odd[1];
        liftRow(even, 0, odd, 0, 1, columns, LIFTING[step]);
      } else {
        even[columns] = even[columns - 1];
        liftRow(odd, 1, even, 0, 1, columns, LIFTING[step]);
      }
    }
    for (let c = 0; c < columns; c++) {
      plane[row + 2 * c] = even[c];
      plane[row + 2 * c + 1] = odd[c + 1];
    }
    if (r % 32 === 0) yield;
  }
  return plane;
}

function liftRow(samples, at, sides, one, other, n, factor) {
  for (let c = 0; c < n; c++) {
    const change = (Math.imul(factor, sides[one + c] + sides[other + c]) + 2048) >> 12;
    samples[at + c] = clamp(samples[at + c] - change, -32768, 32767);
  }
}

/** The picture of planes of a level: `unmix_colors`. */
function* pictureOfPlanes(file, alpha, planes, stride, level, matrix) {
  const picture = newPicture(file, alpha, level), { pixels, height, width, channels } = picture;
  const gain = LOW_GAINS[level], n = planes.length, [first, second, third] = planes;
  const scaled = (sample) => (Math.imul(sample, gain) + 32768) >> 16;
  for (let r = 0, at = 0; r < height; r++) {
    for (let c = 0, from = r * stride; c < width; c++, from++, at += channels) {
      const x = scaled(first[from]), y = n > 1 ? scaled(second[from]) : 0, z = n > 1 ? scaled(third[from]) : 0;
      for (let i = 0; i < n; i++) {
        // It may need more than 32 bits, but not where it is a colour.
        const total = matrix[i * n] * x + (n > 1 ? matrix[i * n + 1] * y + matrix[i * n + 2] * z : 0) + 4210688;
        pixels[at + i] = total < 0 ? 0 : total >= 8388608 ? 255 : total >> 15;
      }
    }
    if (r % 32 === 0) yield;
  }
  return picture;
}

function* decodeLevels(file, known) {
  const layout = new LevelsLayout(file), { nLevels, nPlanes, nStripes } = layout;
  const [topRows, topColumns] = layout.shape(nLevels);
  check(topRows * topColumns <= 1 << 17, "has a size that this profile does not serve");
  const parameters = file.one("MRES"), view = viewOf(parameters);
  check(parameters.length === (nPlanes === 3 ? 27 : 9), "has parameters of the wrong length");
  if (parameters[0] !== 1) throw new VqiError(`needs codebooks number ${parameters[0]}, this decoder has 1; update it`);
  const stepOf = [view.getUint32(1), view.getUint32(5)];
  const inRange = stepOf.every((step, i) => step >= 64 && step <= (i === 0 ? 65536 : 262144));
  check(inRange, "has a step out of range");
  const matrix = nPlanes === 1 ? [4096] : Array.from({ length: 9 }, (_, i) => view.getInt16(9 + 2 * i));
  const [cellRows, cellColumns] = layout.shape(0).map((side) => up(side, 4));
  let cells = new Uint8Array(cellRows * cellColumns).fill(8);
  if (file.all("CELL").length) cells = yield* decodeSymbols(file.one("CELL"), cellRows, cellColumns, 4);
  const alpha = yield* decodeAlpha(file);
  const bands = file.all("BAND");
  check(bands.length <= nLevels, "has too many levels");
  const coarse = Math.max(Math.floor((stepOf[0] * COARSE_STEPS[nLevels - 1] * 8) / 2 ** 24), 1);
  const tops = yield* decodeTop(file.one("COAR"), nPlanes, topRows, topColumns);
  let planes = tops.map((top) => Int16Array.from(top, (number) => clamp(number * coarse, -32768, 32767)));
  yield yield* pictureOfPlanes(file, alpha, planes, topColumns, nLevels, matrix);
  const kinds = nPlanes === 1 ? [0] : [0, 1];
  const stripes = Array.from({ length: nStripes }, () =>
    ({ models: kinds.map((kind) => copyOf(known[kind].model)), parents: kinds.map(() => NOTHING) }));
  for (let i = 0; i < nLevels; i++) {
    const level = nLevels - i, [rows, columns] = layout.shape(level), shift = 4 - level;
    check(i < bands.length, `ends before level ${level - 1}`);
    const streams = unpackStreams(bands[i]);
    check(streams.length === nStripes, "has too many streams or too few");
    const details = kinds.map((kind) => new Int16Array(rows * columns * 3 * (1 + kind)));
    const [across, both] = DETAIL_STEPS[level - 1];
    const steps = kinds.map((kind) => Float64Array.from({ length: 16 * 3 * (1 + kind) }, (_, at) => {
      const n = 3 * (1 + kind), weight = at % 3 === 2 ? both : across;
      return Math.max(Math.floor((stepOf[kind] * weight * STEP_FACTORS[Math.floor(at / n)]) / 65536), 1);
    }));
    for (const [number, stripe] of stripes.entries()) {
      const [first, last] = layout.stripeRows(number, level), coder = new Coder(streams[number]);
      const firstCell = shift >= 0 ? first >> shift : first << -shift;
      let others = NOTHING;
      for (const kind of kinds) {
        const n = 3 * (1 + kind), stride = columns + 3, size = (last - first + 3) * stride;
        const own = { seen: new Int32Array(size), signs: new Uint16Array(size), stride };
        const band = {
          level: level - 1, n, columns, steps: steps[kind], cells, cellColumns, firstCell, shift, own, others,
          details: details[kind].subarray(first * columns * n, last * columns * n),
          parents: stripe.parents[kind], book: known[kind], model: stripe.models[kind],
          bases: new Int32Array(6), numbers: new Int32Array(6),
        };
        yield* inRuns(coder, last - first, columns, (r, c, end) => decodeDetails(coder, band, r, c, end));
        stripe.parents[kind] = others = own;
      }
      coder.end();
    }
    const finer = [];
    for (const [p, plane] of planes.entries()) {
      const kind = Math.min(p, 1), component = 3 * Math.max(p - 1, 0);
      finer.push(yield* restored(plane, rows, columns, details[kind], 3 * (1 + kind), component));
    }
    planes = finer;
    yield yield* pictureOfPlanes(file, alpha, planes, 2 * columns, level - 1, matrix);
  }
}

// ---- Blocks (quantize/block) ----

const LEAST = -65536, MOST = 131072;
const MOST_STAGES = 7, ZERO = 0, SCALED = 1, ENDED = 7, PASSED = 8;
const BLOCK_FLAGS = [288, 144, 256], BLOCK_NODES = [16, 16, 25];
const SIZE_CLASSES = classesByLimits([1, 2, 3, 4, 6, 9, 13, 19, 28, 44, 72], 512);
const SIDE_CLASSES = SIZE_CLASSES.map((size) => Math.min(size, 7));
const TOTAL_CLASSES = classesByLimits(Array.from({ length: 23 }, (_, n) => 3 + n * (n + 2)), 1024);
const EMPTY = new Int32Array(0);

/** Scales and streams of an image in blocks. */
class BlockLayout {
  constructor(height, width, nPlanes, block, subsampled) {
    Object.assign(this, { height, width, nPlanes, block, subsampled, blockLog: digitsOf(block) - 1 });
    const least = (nPlanes > 1 && subsampled ? 1 : 0) + this.blockLog;
    this.top = Math.max(digitsOf((Math.max(height, width) - 1) >>> 3), least);
  }

  finest(plane) {
    return this.subsampled && plane > 0 ? 1 : 0;
  }

  shape(scale) {
    return [up(this.height, scale), up(this.width, scale)];
  }

  /** Bands of luma or chroma that begin at a scale: their planes, and the scale that they lead to. */
  bands(scale, chroma) {
    const last = this.finest(chroma ? 1 : 0) + this.blockLog;
    const planes = chroma ? (this.nPlanes > 1 ? [1, 2] : []) : [0];
    return scale < last ? [] : planes.map((plane) => ({ plane, fine: scale === last ? scale - this.blockLog : scale - 1 }));
  }

  stripes(scale, chroma) {
    if (!this.bands(scale, chroma).length) return 0;
    const [height, width] = this.shape(scale), size = height * width;
    return height < 8 || size < 1 << 13 ? 1 : size >= 1 << 18 ? 4 : 2;
  }

  /** Codebooks that are needed, in their order: of luma and chroma, of blocks of 2 and the finest. */
  get books() {
    const found = new Set();
    for (let scale = this.top; scale > 0; scale--) {
      for (const chroma of [false, true]) {
        for (const { fine } of this.bands(scale, chroma)) found.add(`${chroma ? 1 : 0} ${2 ** (scale - fine)}`);
      }
    }
    return [...found].sort();
  }
}

function* unpackBook(block, countsData, data) {
  const counts = yield* decodeList(countsData, 26, 26), n = counts.reduce((sum, count) => sum + count, 0);
  check(counts.every((count) => count >= 0) && n >= 1 && n <= 1024, "has a codebook of an impossible size");
  const size = block * block, numbers = yield* decodeList(data, n * (size - 1), size - 1);
  const codewords = new Int8Array(n * size), classes = new Uint8Array(n), half = block / 2;
  for (let j = 0; j < n; j++) {
    const quarters = [0, 0, 0, 0];
    for (let i = 0, sum = 0; i < size; i++) {
      const value = i < size - 1 ? numbers[j * (size - 1) + i] : -sum;
      check(Math.abs(value) <= 127, "has a codeword out of range");
      sum += value;
      codewords[j * size + i] = value;
      quarters[2 * (Math.floor(i / block) >= half ? 1 : 0) + (i % block >= half ? 1 : 0)] += value;
    }
    const [a, b, c, d] = quarters, slopes = [a - b + c - d, a + b - c - d, a - b - c + d], sizes = slopes.map(Math.abs);
    const main = sizes.indexOf(Math.max(...sizes)), largest = slopes[main];
    classes[j] = 1 + main * 4 + (largest < 0 ? 2 : 0) + (Math.abs(largest) > 16 * block ? 1 : 0);
  }
  const lengths = Array.from(counts).flatMap((count, length) => Array(count).fill(length));
  return { codewords, classes, children: treeOf(lengths), block };
}

/** Nodes that follow a 0 and a 1, of the canonical code of these lengths; leaves are -1 - leaf. */
function treeOf(lengths) {
  const longest = lengths[lengths.length - 1] ?? 0;
  const share = lengths.reduce((sum, length) => sum + 2 ** (longest - length), 0);
  check(share === 2 ** longest, "the codewords' code is not complete");
  const children = new Int32Array(2 * (lengths.length - 1));
  let code = 0, nNodes = 1;
  for (const [j, length] of lengths.entries()) {
    let node = 0;
    for (let depth = 0; depth < length; depth++) {
      const at = 2 * node + ((code >> (length - depth - 1)) & 1);
      if (depth === length - 1) children[at] = -1 - j;
      else node = children[at] = children[at] || nNodes++;
    }
    if (j + 1 < lengths.length) code = (code + 1) * 2 ** (lengths[j + 1] - length);
  }
  return children;
}

function* unpackBooks(data, keys) {
  const streams = unpackStreams(data), books = new Map();
  check(streams.length === 2 * keys.length, "has too many codebooks or too few");
  for (const [i, key] of keys.entries()) {
    books.set(key, yield* unpackBook(Number(key.slice(2)), streams[2 * i], streams[2 * i + 1]));
  }
  return books;
}

/** The codebooks of a .vqc file. */
function* unpackShared(data) {
  const { chunks, cut } = chunksOf(data, BOOK_SIGNATURE, ".vqc");
  const [head, book] = chunks.filter(([kind]) => kind[0] < "a"), [version, block, subsampled] = head[1];
  const good = version === 1 && [2, 4, 8].includes(block) && subsampled <= 1 && book && book[0] === "BOOK" && !cut;
  check(good, "the codebook is none that this version can read");
  return yield* unpackBooks(book[1], new BlockLayout(1024, 1024, 3, block, subsampled === 1).books);
}

function slope(difference, step) {
  if (difference > 0) return 2 + (difference > step ? 1 : 0) + (difference > 4 * step ? 1 : 0);
  return 2 - (-difference > step ? 1 : 0) - (-difference > 4 * step ? 1 : 0);
}

/** Decode the blocks of a row, and add them to the prediction: `code_vectors`. `seen` has two numbers a block. */
function decodeBlocks(coder, part, r, first, last) {
  const { rows, columns, coarse, fine, fineColumns, seen, parents, parentStride, others, block, level, step, model } = part;
  const { book, flagAt, nodeAt, bases, total } = model, { codewords, children, classes } = book;
  const n = block * block, nNodes = Math.max(children.length / 2, 1), stride = 2 * (columns + 2);
  const fineRows = fine.length / fineColumns;
  const unit = Math.max((step * 8) >> 4, 1), perUnit = Math.floor((1 << 20) / unit), group = Math.min(level, 3);
  const upper = Math.max(r - 1, 0) * columns, lower = Math.min(r + 1, rows - 1) * columns, row = r * columns;
  const parentRow = ((r >> 1) + 1) * parentStride, parentSide = ((r >> 1) + 2 * (r & 1)) * parentStride;
  for (let c = first; c < last; c++) {
    const at = (r + 1) * stride + 2 * (c + 1), u = 2 * ((c >> 1) + 1);
    const west = seen[at - 2], north = seen[at - stride];
    const near = 2 * (west + north) + seen[at - stride - 2] + seen[at - stride + 2];
    let parent = 0, above = 0, other = 0, othersNear = 0;
    if (parents.length) {
      parent = parents[parentRow + u];
      above = 2 * parent + parents[parentRow + u - 2 + 4 * (c & 1)] + parents[parentSide + u];
    }
    if (others.length) {
      other = others[at];
      othersNear = 2 * other + others[at + 2] + others[at + stride];
    }
    const across = coarse[row + Math.max(c - 1, 0)] - coarse[row + Math.min(c + 1, columns - 1)];
    const down = coarse[upper + c] - coarse[lower + c];
    const steepness = Math.min(Math.floor(((Math.abs(across) + Math.abs(down)) * perUnit) / (1 << 20)), 255);
    const size = SIZE_CLASSES[near >> 2];
    const around = TOTAL_CLASSES[Math.min(2 * near + 2 * above + othersNear, 1023)];
    const kin = (SIDE_CLASSES[parent] * 8 + SIDE_CLASSES[other]) * 4;
    bases[0] = flagAt[0] + 9 * (around * 12 + SIZE_CLASSES[othersNear >> 2]);
    bases[1] = flagAt[1] + 9 * (SIZE_CLASSES[steepness] * 12 + size);
    bases[2] = flagAt[2] + 9 * (kin + (SIDE_CLASSES[west + north] >> 1));
    const firstSet = (group * 4 + (Math.min(size, 6) >> 1)) * 8, nodeSet = 128 + group * 12;
    if (coder.decideFew(bases, ZERO, model, firstSet) === 1) continue;
    const { nodeBases } = model;
    nodeBases[0] = nodeAt[0] + nNodes * seen[at - 1];
    nodeBases[1] = nodeAt[1] + nNodes * seen[at - stride + 1];
    nodeBases[2] = nodeAt[2] + nNodes * (slope(across, unit) * 5 + slope(down, unit));
    let nMore = 0, codeword = -1;
    while (nMore < MOST_STAGES - 1 && coder.decideFew(bases, SCALED + nMore, model, firstSet + 1 + nMore) === 1) nMore++;
    total.fill(0);
    for (let k = 0, scale = 3 ** nMore; k <= nMore; k++, scale /= 3) {
      if (k > 0) {
        if (coder.decideFew(bases, ENDED, model, firstSet + ENDED) === 1) break;
        if (k < nMore && coder.decideFew(bases, PASSED, model, firstSet + ENDED) === 1) continue;
      }
      let node = children.length ? 0 : -1;
      for (let depth = 0; node >= 0; depth++) {
        node = children[2 * node + coder.decideFew(nodeBases, node, model, nodeSet + Math.min(depth, 11))];
      }
      const j = -1 - node;
      if (k === 0) codeword = j;
      for (let i = 0; i < n; i++) total[i] += codewords[j * n + i] * scale;
    }
    let amount = 0;
    for (let i = 0; i < n; i++) {
      amount += Math.abs(total[i]);
      const y = r * block + Math.floor(i / block), x = c * block + (i % block);
      if (y < fineRows && x < fineColumns) {
        const place = y * fineColumns + x;
        fine[place] = clamp(fine[place] + Math.floor((total[i] * step + 8) / 16), LEAST, MOST);
      }
    }
    seen[at] = clamp(Math.floor((amount + 2 * block) / (4 * block)), 1, 255);
    seen[at + 1] = classes[codeword];
  }
}

/** Predict a plane of a finer scale: `predict_finer`, as often as it takes. */
function* predicted(plane, layout, scale, finer) {
  for (; scale > finer; scale--) {
    const [height, width] = layout.shape(scale), [rows, columns] = layout.shape(scale - 1);
    const fine = new Int32Array(rows * columns);
    for (let r = 0; r < height; r++) {
      const above = Math.max(r - 1, 0) * width, row = r * width, below = Math.min(r + 1, height - 1) * width;
      const twoRows = 2 * r + 1 < rows;
      for (let c = 0; c < width; c++) {
        const west = Math.max(c - 1, 0), east = Math.min(c + 1, width - 1), mean = plane[row + c];
        const across = 8 * (plane[row + west] - plane[row + east]), down = 8 * (plane[above + c] - plane[below + c]);
        const corner = plane[above + west] - plane[above + east] - plane[below + west] + plane[below + east];
        const at = 2 * r * columns + 2 * c, twoColumns = 2 * c + 1 < columns;
        fine[at] = mean + ((across + down + corner + 32) >> 6);
        if (twoColumns) fine[at + 1] = mean + ((down - across - corner + 32) >> 6);
        if (twoRows) fine[at + columns] = mean + ((across - down - corner + 32) >> 6);
        if (twoRows && twoColumns) fine[at + columns + 1] = mean + ((corner - across - down + 32) >> 6);
      }
      if (r % 16 === 0) yield;
    }
    plane = fine;
  }
  return plane;
}

/** The picture of luma and chroma of a scale: `to_rgb`. */
function* pictureOfBlocks(file, alpha, planes, scale) {
  const picture = newPicture(file, alpha, scale), { pixels, width, height, channels } = picture;
  const [luma, blueness, redness] = planes;
  for (let i = 0, at = 0; i < height * width; i++, at += channels) {
    const y = luma[i];
    if (planes.length === 1) {
      pixels[at] = clamp((y + 128) >> 8, 0, 255);
    } else {
      const b = blueness[i] - 32768, d = redness[i] - 32768;
      const green = ((1 << 20) - Math.imul(2819, b) - Math.imul(5850, d)) | 0;
      pixels[at] = clamp((y + (((Math.imul(11485, d) + (1 << 20)) | 0) >> 13)) >> 8, 0, 255);
      pixels[at + 1] = clamp((y + (green >> 13)) >> 8, 0, 255);
      pixels[at + 2] = clamp((y + (((Math.imul(14516, b) + (1 << 20)) | 0) >> 13)) >> 8, 0, 255);
    }
    if (i % 16384 === 0) yield;
  }
  return picture;
}

function newBlockModel(book) {
  const nNodes = Math.max(book.children.length / 2, 1);
  let place = 0;
  const [flagAt, nodeAt] = [[BLOCK_FLAGS, 9], [BLOCK_NODES, nNodes]].map(([contexts, cells]) =>
    contexts.map((n) => (place += n * cells) - n * cells));
  const room = { bases: new Int32Array(3), nodeBases: new Int32Array(3), total: new Float64Array(book.block ** 2) };
  return { ...newModel(place, 208, 3), ...room, book, flagAt, nodeAt };
}

function* decodePyramid(file, shared) {
  const parameters = file.one("BLCK"), [block, subsampled] = parameters;
  const base = parameters.length === 6 ? viewOf(parameters).getUint32(2) : 0;
  check([2, 4, 8].includes(block) && subsampled <= 1 && base >= 1 && base <= 1 << 24, "has parameters that make no sense");
  const layout = new BlockLayout(file.height, file.width, file.nPlanes, block, subsampled === 1);
  const books = shared ? yield* unpackShared(shared) : yield* unpackBooks(file.one("BOOK"), layout.books);
  check(layout.books.every((key) => books.has(key)), "has blocks that its codebook does not serve");
  const alpha = yield* decodeAlpha(file);
  const streams = file.all("SCAL").flatMap(unpackStreams);
  const stepOf = (scale) => Math.max(base >> scale, 64);
  const topStep = clamp((stepOf(layout.top) * 8) >> 5, 1, 512);
  check(streams.length > 0, "has no streams");
  const tops = yield* decodeTop(streams.shift(), layout.nPlanes, ...layout.shape(layout.top));
  let planes = tops.map((top) => Int32Array.from(top, (number) => clamp(number * topStep, LEAST, MOST)));
  yield yield* pictureOfBlocks(file, alpha, planes, layout.top);
  const models = new Map(), latest = planes.map(() => EMPTY), scales = planes.map(() => layout.top);
  for (let scale = layout.top; scale > 0; scale--) {
    const [rows, columns] = layout.shape(scale), stride = 2 * (columns + 2);
    for (const chroma of [false, true]) {
      const bands = layout.bands(scale, chroma), nStripes = layout.stripes(scale, chroma), parts = [];
      check(streams.length >= nStripes, file.complete ? "has too few streams" : "ends before its finest level");
      for (const { plane, fine } of bands) {
        const side = 2 ** (scale - fine), key = `${chroma ? 1 : 0} ${side}`, name = (stripe) => `${plane} ${side} ${stripe}`;
        if (!models.has(name(0))) models.set(name(0), newBlockModel(books.get(key)));
        for (let stripe = 1; stripe < nStripes; stripe++) {
          // A new stripe knows what the first one has learnt.
          if (!models.has(name(stripe))) models.set(name(stripe), copyOf(models.get(name(0))));
        }
        const prediction = yield* predicted(planes[plane], layout, scale, fine);
        const seen = new Int32Array((rows + 2) * stride);
        parts.push({ plane, side, name, fine, prediction, seen, parents: latest[plane] });
      }
      const luma = chroma && parts.length ? latest[0] : EMPTY;
      for (let stripe = 0; stripe < nStripes; stripe++) {
        const edge = (i) => (i === nStripes ? rows : Math.floor((rows * i) / nStripes) & ~1);
        const first = edge(stripe), last = edge(stripe + 1), coder = new Coder(streams.shift());
        let others = luma.subarray(first * stride);
        for (const { plane, side, name, fine, prediction, seen, parents } of parts) {
          const fineColumns = layout.shape(fine)[1], parentStride = 2 * (up(columns, 1) + 2);
          const own = new Int32Array((last - first + 2) * stride);
          const part = {
            rows: last - first, columns, fineColumns, seen: own, parentStride, others, block: side, level: scale - 1,
            coarse: planes[plane].subarray(first * columns, last * columns), step: stepOf(fine),
            fine: prediction.subarray(first * side * fineColumns, last * side * fineColumns),
            parents: parents.subarray((first >> 1) * parentStride), model: models.get(name(stripe)),
          };
          yield* inRuns(coder, last - first, columns, (r, c, end) => decodeBlocks(coder, part, r, c, end));
          seen.set(own.subarray(stride, own.length - stride), (first + 1) * stride);
          others = own;
        }
        coder.end();
      }
      for (const { plane, fine, prediction, seen } of parts) {
        planes[plane] = prediction;
        latest[plane] = seen;
        scales[plane] = fine;
      }
    }
    const together = scales.every((reached) => reached === scales[0]);
    if (together && scales[0] > 0) yield yield* pictureOfBlocks(file, alpha, planes, scales[0]);
    if (scales.every((reached, plane) => reached === layout.finest(plane))) break;
  }
  check(streams.length === 0, "has too many streams");
  for (const [plane, scale] of scales.entries()) planes[plane] = yield* predicted(planes[plane], layout, scale, 0);
  yield yield* pictureOfBlocks(file, alpha, planes, 0);
}

// ---- Decoding ----

const inflated = async (data, format) =>
  new Uint8Array(await new Response(new Blob([data]).stream().pipeThrough(new DecompressionStream(format))).arrayBuffer());

/** The arrays of an .npz file by name; their types are those of `pack_known`. */
async function arraysOf(data) {
  const view = viewOf(data), end = data.length - 22, arrays = new Map();
  check(end >= 0 && view.getUint32(end, true) === 0x06054b50, "known.npz is no ZIP file");
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

let shipped = null;

/** Codebooks and models of the multi-resolution profile, loaded once: from `known.npz` beside this file, or as given. */
function knownModels(given) {
  shipped ??= (given ? Promise.resolve(given) : bytesFrom(new URL("known.npz", import.meta.url)))
    .then(arraysOf).then(unpackKnown);
  // Tried again where it fails.
  shipped.catch(() => { shipped = null; });
  return shipped;
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
 * @param {Uint8Array} [options.known] The file known.npz; without it, it is loaded from where this module is.
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
  ][file.profile - 1](file.profile === 3 ? await knownModels(known) : null);
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
    check(chunks.length <= MOST_METADATA, "has too much metadata");
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
      options.signal?.throwIfAborted();
      image.src = address;
      // What a browser cannot show is an error as well.
      await image.decode().catch(() => { throw new VqiError(`a browser cannot show ${picture.width} x ${picture.height} pixels`); });
      URL.revokeObjectURL(image.vqiAddress);
      image.vqiAddress = address;
    },
  });
}

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
  disconnectedCallback() { this.#work?.abort(); }

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
