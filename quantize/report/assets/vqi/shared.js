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
  if (!good) throw new VqiError(`${message}; the file is damaged, copy or download it again`);
}

const clamp = (value, least, most) => (value < least ? least : value > most ? most : value);
const up = (size, shift) => Math.ceil(size / 2 ** shift);
const digitsOf = (value) => 32 - Math.clz32(value);
