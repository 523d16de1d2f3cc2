"""ONNX files written by hand, a byte at a time: a network to read where nothing that writes one is installed."""

FLOAT, INT, INTS = 1, 2, 7


def varint(number):
    """Write a whole number, seven bits a byte, as protocol buffers have it."""
    found = bytearray()
    while number > 127:
        found.append(number & 127 | 128)
        number >>= 7
    return bytes([*found, number])


def entry(field, value):
    """Write a field: a number, a text, or a message."""
    if isinstance(value, int):
        return varint(field << 3) + varint(value)
    data = value.encode() if isinstance(value, str) else value
    return varint(field << 3 | 2) + varint(len(data)) + data


def attribute(name, value):
    if isinstance(value, int):
        return entry(1, name) + entry(3, value) + entry(20, INT)
    return entry(1, name) + b"".join(entry(8, number) for number in value) + entry(20, INTS)


def node(kind, sources, target, **attributes):
    found = b"".join(entry(1, source) for source in sources.split())
    found += entry(2, target) + entry(3, f"make_{target}") + entry(4, kind)
    return found + b"".join(entry(5, attribute(name, value)) for name, value in attributes.items())


def tensor(name, *lengths):
    shape = b"".join(entry(1, entry(1, length)) for length in lengths)
    return entry(1, name) + entry(2, entry(1, entry(1, FLOAT) + entry(2, shape)))


def pooling_network(n_channels, height, width, side):
    """Bytes of a network that averages squares of an input (1, n_channels, height, width)."""
    n_features = n_channels * (height // side) * (width // side)
    graph = (
        entry(1, node("AveragePool", "picture", "pooled", kernel_shape=(side, side), strides=(side, side)))
        + entry(1, node("Flatten", "pooled", "features", axis=1))
        + entry(2, "pooling")
        + entry(11, tensor("picture", 1, n_channels, height, width))
        + entry(12, tensor("features", 1, n_features))
    )
    return model(graph)


def linear_network(n_channels, height, width):
    """Bytes of a network that weighs all values of an input (1, n_channels, height, width), and takes no other."""
    n_values = n_channels * height * width
    weights = entry(1, n_values) + entry(1, 2) + entry(2, FLOAT) + entry(8, "weights") + entry(9, bytes(8 * n_values))
    graph = (
        entry(1, node("Flatten", "picture", "values", axis=1))
        + entry(1, node("MatMul", "values weights", "features"))
        + entry(2, "weighing")
        + entry(5, weights)
        + entry(11, tensor("picture", 1, n_channels, height, width))
        + entry(12, tensor("features", 1, 2))
    )
    return model(graph)


def model(graph):
    return entry(1, 8) + entry(7, graph) + entry(8, entry(2, 13))
