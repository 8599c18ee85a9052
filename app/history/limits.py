"""Every limit of reading a file, in one visible place."""

from __future__ import annotations

EXPANSION_FOLD_MAX = 200
"""Decoded bytes per byte of the compressed file."""
EXPANDED_BYTES_MAX = 4 * 1024**3
COLUMNS_MAX = 64
FIELD_BYTES_MAX = 4096
LINE_BYTES_MAX = COLUMNS_MAX * (FIELD_BYTES_MAX + 3)
"""A line of the widest row: 64 fields of 4 KiB, quotes and delimiters."""

ZIP_DIRECTORY_BYTES_MAX = 64 * 1024
"""A zip of one file has a directory of some hundred bytes; a zip of thousands is not opened."""

BLOCK_BYTES = 1024 * 1024
"""How much is read and decompressed in one go."""
COMPRESSED_BYTES = 64 * 1024
"""The same of compressed bytes, which are many rows each."""
CHUNK_BYTES = 4 * 1024 * 1024
"""How much text is parsed in one go: whole lines, at most this and one block."""
CHUNKS_AHEAD = 2
"""Chunks that are parsed while the one before is stored."""
HEAD_BYTES = 256 * 1024
"""How much text decides what a file is."""
PARQUET_ROWS = 200_000
"""Rows of a Parquet file read in one go."""
PARQUET_TEXT_BYTES = 64 * 1024 * 1024
"""How much text they become in one go, were all their texts as long as a field may be."""
JSON_ROWS = 50_000
"""Rows of a JSON array checked in one go."""
JSON_ROW_BYTES_MAX = LINE_BYTES_MAX

BANNER_LINES_MAX = 3
SNIFF_ROWS = 20
"""Raw rows shown by the mapping form."""
SAMPLE_ROWS = 400
"""Rows that detection may look into."""

GAPS_LISTED_MAX = 200
OUTLIERS_LISTED_MAX = 50
OUTLIER_DEVIATIONS = 10.0
DENSITY_SLICES = 200

VALUE_CHARACTERS_MAX = 200
"""How much of a wrong value a refusal repeats."""
