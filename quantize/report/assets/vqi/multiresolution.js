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
// Matrices that a file names by their number.
const MATRICES = {
  1: [4096, 0, 5743, 4096, -1410, -2925, 4096, 7258, 0],
  2: [4096, -460, 4967, 4096, -460, -2119, 4096, 5438, -2119],
};
const UNFIT = "has weights of levels that do not fit its size";
// The finest level that may be coded in the one stream of the base, and its places at most.
const BASE_LEVEL = 3, BASE_PLACES = 1024;
// Uses that a cell counts at most which decides alone.
const QUIET_LIMIT = 16;
const BYTES = 0x00ff00ff;
const NOTHING = { seen: null, signs: null, stride: 0 };

// By the number that an image states: the file of codebooks and models, and how its models learn.
const EDITIONS = {
  1: { file: "known.npz", pace: 1, limit: LIMIT },
  2: { file: "known2.npz", pace: 2, limit: 127 },
  3: { file: "known2.npz", pace: 2, limit: 127, quietAlone: true },
};

/** The chunk with the parameters: files of before have another one. */
function parameterChunk(file) {
  const earlier = file.all("MRES").length > 0;
  check(!earlier || !file.all("BASE").length, "has parameters of two versions");
  return earlier ? "MRES" : "BASE";
}

/** The edition that an image needs. */
function editionOf(file) {
  const [number] = file.one(parameterChunk(file));
  check(number !== undefined, "has no parameters");
  if (!(number in EDITIONS)) {
    const newest = Math.max(...Object.keys(EDITIONS));
    throw new VqiError(`needs codebooks number ${number}, but this decoder has only 1 to ${newest}; update vqi.js`);
  }
  return EDITIONS[number];
}

/** Codebooks and models from the arrays of an edition's file. */
function unpackKnown(arrays, { pace, limit, quietAlone = false }) {
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
    const model = { table, weights: Int32Array.from(weights, (w) => w << 6), pace, limit, starts, quietAlone };
    return { codewords, children, nNodes, model };
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
    this.base = 0;
    for (let level = this.nLevels; level >= BASE_LEVEL && this.places(level) <= BASE_PLACES; level--) this.base++;
    this.nStripes = Math.max(Math.min(Math.floor((height * width) / 180000), most), 1);
  }

  shape(level) {
    const finer = 2 ** (this.nLevels - level);
    return [up(this.height, this.nLevels) * finer, up(this.width, this.nLevels) * finer];
  }

  places(level) {
    const [rows, columns] = this.shape(level);
    return rows * columns;
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
    if (near > 0) kind = PARTS[even & 0xffff] * 36 + PARTS[odd & 0xffff] * 6 + PARTS[even >> 16];
    const size = SIZES[near], parentSize = SIZES[above], otherSize = SIZES[other], few = FEW_SIZES[near];
    const around = 2 * near + 3 * above + (other >> 1), quiet = around === 0 && model.quietAlone;
    bases[3] = flagAt[3] + TOTALS[Math.min(around, 4095)] * 12 + (others !== null ? otherSize : level);
    if (quiet && coder.decideAlone(bases[3], model.table, QUIET_LIMIT) === 1) continue;
    const parentKind = kindOf(parents !== null ? parent : beside, false);
    const sides = (SIDES[west >>> 24] * 8 + SIDES[north >>> 24]) * 4 + Math.min(SIDES[northeast >>> 24], 3);
    bases[0] = flagAt[0] + level * 4 + (r & 1) * 2 + (c & 1);
    bases[1] = flagAt[1] + (size * 12 + parentSize) * 2 + fine;
    bases[2] = flagAt[2] + kind * 2 + fine;
    bases[4] = flagAt[4] + sides * 2 + fine;
    bases[5] = flagAt[5] + parentKind * 8 + few;
    if (!quiet && coder.decide(bases, 0, model, size * 3 + group) === 1) continue;

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

const matrixAt = (data, place) => Array.from({ length: 9 }, (_, i) => viewOf(data).getInt16(place + 2 * i));

/** What a file says before its streams, and the rest of BASE: `unpack_parameters`. */
function parametersOf(data, { nPlanes, nLevels }) {
  let luma, chroma, place, matrix = [4096];
  [luma, place] = unpackNumber(data, 1);
  [chroma, place] = unpackNumber(data, place);
  check(place < data.length, "has parameters of the wrong length");
  const flags = data[place++], number = flags % 4, nRows = flags >> 3;
  if (nPlanes === 3 && number === 0) {
    check(place + 18 <= data.length, "has parameters of the wrong length");
    matrix = matrixAt(data, place);
    place += 18;
  } else if (nPlanes === 3) {
    check(number in MATRICES, "has colours of an unknown kind");
    matrix = MATRICES[number];
  }
  const columns = nPlanes === 3 ? 3 : 2, stored = data.subarray(place, (place += nRows * columns));
  check(nRows <= nLevels && stored.length === nRows * columns && !stored.includes(0), UNFIT);
  const weights = new Uint8Array(nLevels * columns).fill(64);
  // The last row serves all further levels.
  if (nRows) {
    weights.forEach((_, i) => { weights[i] = stored[Math.min(Math.floor(i / columns), nRows - 1) * columns + (i % columns)]; });
  }
  return { stepOf: [luma, chroma], matrix, weights, hasMap: (flags & 4) !== 0, base: data.subarray(place) };
}

/** The same of a file without BASE: `earlier_parameters`. */
function earlierParameters(file, { nPlanes, nLevels }) {
  const data = file.one("MRES"), view = viewOf(data);
  check(data.length === (nPlanes === 3 ? 27 : 9), "has parameters of the wrong length");
  // Of luma, of chroma, and of details in both directions, which the first edition has not.
  const nWeights = (nPlanes === 3 ? 2 : 1) + (data[0] > 1 ? 1 : 0);
  let weights = new Uint8Array(nLevels * nWeights).fill(64);
  if (file.all("LEVL").length) {
    const fits = file.one("LEVL").length === weights.length && !file.one("LEVL").includes(0);
    check(fits, UNFIT);
    weights = file.one("LEVL");
  }
  const matrix = nPlanes === 1 ? [4096] : matrixAt(data, 9), hasMap = file.all("CELL").length > 0;
  return { stepOf: [view.getUint32(1), view.getUint32(5)], matrix, weights, hasMap, base: null };
}

/** Steps of luma and, of colour images, of chroma at a level, by class and component. */
function stepsAt(level, kinds, stepOf, weights, nWeights) {
  const [across, diagonal] = DETAIL_STEPS[level - 1], at = (level - 1) * nWeights;
  const both = (diagonal * (nWeights > kinds.length ? weights[at + kinds.length] : 64)) >> 6;
  return kinds.map((kind) => {
    const n = 3 * (1 + kind), step = Math.max(Math.floor((stepOf[kind] * weights[at + kind]) / 64), 1);
    return Float64Array.from({ length: 16 * n }, (_, i) =>
      Math.max(Math.floor((step * (i % 3 === 2 ? both : across) * STEP_FACTORS[Math.floor(i / n)]) / 65536), 1));
  });
}

function* decodeLevels(file, known) {
  const layout = new LevelsLayout(file), { nLevels, nPlanes, nStripes } = layout;
  const [topRows, topColumns] = layout.shape(nLevels);
  check(topRows * topColumns <= 1 << 17, "has a size that does not fit this profile");
  const hasBase = parameterChunk(file) === "BASE";
  const { stepOf, matrix, weights, hasMap, base } =
    hasBase ? parametersOf(file.one("BASE"), layout) : earlierParameters(file, layout);
  const inRange = stepOf.every((step, i) => step >= 64 && step <= (i === 0 ? 65536 : 262144));
  check(inRange, "has a step out of range");
  const kinds = nPlanes === 1 ? [0] : [0, 1];
  const nBase = hasBase ? layout.base : 0, coder = hasBase ? new Coder(base) : null;
  const alpha = yield* decodeAlpha(file);
  const bands = file.all("BAND");
  check(bands.length <= nLevels - nBase, "has too many levels");
  const ofTop = (decoder) => decodeTop(decoder, nPlanes, topRows, topColumns);
  const [cellRows, cellColumns] = layout.shape(0).map((side) => up(side, 4));
  const ofMap = (decoder) => decodeSymbols(decoder, cellRows, cellColumns, 4);
  const tops = yield* hasBase ? ofTop(coder) : wholeStream(file.one("COAR"), ofTop);
  let cells = new Uint8Array(cellRows * cellColumns).fill(8);
  if (hasMap) cells = yield* hasBase ? ofMap(coder) : wholeStream(file.one("CELL"), ofMap);
  let planes = tops.map((top, p) => {
    const step = hasBase && p > 0 ? Math.max(stepOf[0], stepOf[1] >> 1) : stepOf[0];
    const coarse = Math.max(Math.floor((step * COARSE_STEPS[nLevels - 1] * 8) / 2 ** 24), 1);
    return Int16Array.from(top, (number) => clamp(number * coarse, -32768, 32767));
  });
  if (hasBase && nBase === 0) coder.end();
  yield yield* pictureOfPlanes(file, alpha, planes, topColumns, nLevels, matrix);
  const whole = { models: kinds.map((kind) => copyOf(known[kind].model)), parents: kinds.map(() => NOTHING) };
  let stripes = [];
  for (let i = 0; i < nLevels; i++) {
    const level = nLevels - i, [rows, columns] = layout.shape(level), shift = 4 - level;
    const steps = stepsAt(level, kinds, stepOf, weights, weights.length / nLevels);
    const details = kinds.map((kind) => new Int16Array(rows * columns * 3 * (1 + kind)));
    const decodeRows = function* (decoder, part, first, last) {
      const firstCell = shift >= 0 ? first >> shift : first << -shift;
      let others = NOTHING;
      for (const kind of kinds) {
        const n = 3 * (1 + kind), stride = columns + 3, size = (last - first + 3) * stride;
        const own = { seen: new Int32Array(size), signs: new Uint16Array(size), stride };
        const band = {
          level: level - 1, n, columns, steps: steps[kind], cells, cellColumns, firstCell, shift, own, others,
          details: details[kind].subarray(first * columns * n, last * columns * n),
          parents: part.parents[kind], book: known[kind], model: part.models[kind],
          bases: new Int32Array(6), numbers: new Int32Array(6),
        };
        yield* inRuns(decoder, last - first, columns, (r, c, end) => decodeDetails(decoder, band, r, c, end));
        part.parents[kind] = others = own;
      }
    };
    if (i < nBase) {
      yield* decodeRows(coder, whole, 0, rows);
      if (i === nBase - 1) coder.end();
    } else {
      check(i - nBase < bands.length, `ends before level ${level - 1}`);
      const streams = unpackStreams(bands[i - nBase]);
      check(streams.length === nStripes, "has too many streams or too few");
      if (i === nBase) stripes = streams.map((_, j) => stripeOf(whole, layout, j, Math.min(level + 1, nLevels)));
      for (const [number, stripe] of stripes.entries()) {
        const [first, last] = layout.stripeRows(number, level);
        yield* wholeStream(streams[number], (decoder) => decodeRows(decoder, stripe, first, last));
      }
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

/** What a stripe begins with: what has been learnt, and what was seen of its rows at the level before. */
function stripeOf({ models, parents }, layout, number, level) {
  const [first, last] = layout.stripeRows(number, level);
  const rowsOf = ({ seen, signs, stride }) => {
    const [start, end] = [first * stride, (last + 3) * stride];
    return seen === null ? NOTHING : { seen: seen.subarray(start, end), signs: signs.subarray(start, end), stride };
  };
  return { models: models.map(copyOf), parents: parents.map(rowsOf) };
}
