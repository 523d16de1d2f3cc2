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

/** Cells and weights of a model that has learnt nothing, and how it learns. */
function newModel(nCells, nSets, nInputs = 6) {
  return {
    table: new Int32Array(nCells).fill(1 << 30),
    weights: new Int32Array(nSets * nInputs).fill(nInputs === 6 ? 1 << 14 : 3 << 13),
    pace: 1,
    limit: LIMIT,
  };
}

const copyOf = (model) => ({ ...model, table: model.table.slice(), weights: model.weights.slice() });

const opinion = (cell) => (STRETCH[cell >> 19] * TRUST[cell & 511]) >> 8;

/** Cell after a decision. The product of the two has 38 bits, so that it is made of two halves. */
function learn(cell, target, limit) {
  const used = cell & 511, probability = cell >> 9, share = SHARE[used], error = target - probability;
  const change = (Math.imul(error >> 8, share) + (Math.imul(error & 255, share) >> 8)) >> 8;
  return ((probability + change) << 9) | Math.min(used + 1, limit);
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
    const { table, weights, pace, limit } = model;
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
    const bit = this.bit(one), error = pace * ((bit << 16) - one), target = (bit << 22) - bit;
    weights[w] += (Math.imul(say0, error) + 32768) >> 16;
    weights[w + 1] += (Math.imul(say1, error) + 32768) >> 16;
    weights[w + 2] += (Math.imul(say2, error) + 32768) >> 16;
    weights[w + 3] += (Math.imul(say3, error) + 32768) >> 16;
    weights[w + 4] += (Math.imul(say4, error) + 32768) >> 16;
    weights[w + 5] += (Math.imul(say5, error) + 32768) >> 16;
    table[at0] = learn(cell0, target, limit);
    table[at1] = learn(cell1, target, limit);
    table[at2] = learn(cell2, target, limit);
    table[at3] = learn(cell3, target, limit);
    table[at4] = learn(cell4, target, limit);
    table[at5] = learn(cell5, target, limit);
    return bit;
  }

  /** Decode a decision that a single cell has an opinion on, and learn from it. */
  decideAlone(at, table, limit) {
    const cell = table[at], bit = this.bit(clamp(cell >> 15, 16, 65520));
    table[at] = learn(cell, (bit << 22) - bit, limit);
    return bit;
  }

  /** The same as `decide` with three contexts. */
  decideFew(bases, node, model, set) {
    const { table, weights, pace, limit } = model;
    const w = 3 * set;
    const at0 = bases[0] + node, at1 = bases[1] + node, at2 = bases[2] + node;
    const cell0 = table[at0], cell1 = table[at1], cell2 = table[at2];
    const say0 = opinion(cell0), say1 = opinion(cell1), say2 = opinion(cell2);
    const one = squashed(say0 * weights[w] + say1 * weights[w + 1] + say2 * weights[w + 2]);
    const bit = this.bit(one), error = pace * ((bit << 16) - one), target = (bit << 22) - bit;
    weights[w] += (Math.imul(say0, error) + 32768) >> 16;
    weights[w + 1] += (Math.imul(say1, error) + 32768) >> 16;
    weights[w + 2] += (Math.imul(say2, error) + 32768) >> 16;
    table[at0] = learn(cell0, target, limit);
    table[at1] = learn(cell1, target, limit);
    table[at2] = learn(cell2, target, limit);
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

/** Decode a stream that holds nothing else. */
function* wholeStream(data, decoder) {
  const coder = new Coder(data), found = yield* decoder(coder);
  coder.end();
  return found;
}

const activity = (size) => (size >= 1024 ? 11 : digitsOf(size));

/** Decode planes of whole numbers: `code_planes`, without the step. They may need more than 32 bits in damaged files. */
function* decodeTop(coder, nPlanes, rows, columns) {
  const model = newModel(125 * 64, 3), bases = new Int32Array(6);
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
function* decodeSymbols(coder, rows, columns, nBits) {
  const size = 1 << nBits, hashed = size + 2 * size * size, shared = 1 << 18;
  const model = newModel(hashed + 3 * (shared + size), size), bases = new Int32Array(6);
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
  return symbols;
}
