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
  check(good, "is not a codebook that this version can read");
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
  check([2, 4, 8].includes(block) && subsampled <= 1 && base >= 1 && base <= 1 << 24, "has invalid parameters");
  const layout = new BlockLayout(file.height, file.width, file.nPlanes, block, subsampled === 1);
  const books = shared ? yield* unpackShared(shared) : yield* unpackBooks(file.one("BOOK"), layout.books);
  check(layout.books.every((key) => books.has(key)), "has blocks that do not fit its codebook");
  const alpha = yield* decodeAlpha(file);
  const streams = file.all("SCAL").flatMap(unpackStreams);
  const stepOf = (scale) => Math.max(base >> scale, 64);
  const topStep = clamp((stepOf(layout.top) * 8) >> 5, 1, 512);
  check(streams.length > 0, "has no streams");
  const [rows, columns] = layout.shape(layout.top);
  const tops = yield* wholeStream(streams.shift(), (coder) => decodeTop(coder, layout.nPlanes, rows, columns));
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
