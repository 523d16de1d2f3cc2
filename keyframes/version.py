"""The version, which the package, its wheel and every manifest have from here."""

__version__ = "0.1.0"
