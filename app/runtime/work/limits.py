"""Every maximum of this room. What a file may hold is history's affair."""

from __future__ import annotations

GIB = 1 << 30

# Receiving. The setting `uploads.max_gib` replaces the first.
UPLOAD_GIB_DEFAULT = 1.0
FORM_BYTES_MAX = 1 << 20  # everything in the form beside the file
FIELD_BYTES_MAX = 4 << 10
PARTS_MAX = 16
BLOCK_BYTES = 1 << 20  # written and hashed at once
UPLOADS_AT_ONCE_MAX = 32  # being received; what is here waits for a worker
DISK_RESERVE_BYTES = 256 << 20  # never filled by us: the database needs room to say so
LINES_AROUND = 2  # of a refused place, before and after it
UNSURE_KEPT_MAX = 8
UNSURE_KEPT_S = 24 * 3600
UPLOADS_LISTED_MAX = 1_000

# Waiting and running.
RUNS_QUEUED_MAX = 500
STUDIES_QUEUED_MAX = 100
QUEUED_READ_AT_ONCE = RUNS_QUEUED_MAX
STUDIES_AT_ONCE = 2
CLUSTER_CONNECT_S_MAX = 10.0
ANSWER_S_MAX = 60.0  # bootstrap, look-ahead and reports, for which somebody waits
INGEST_S_MAX = 1800.0
INGEST_BYTES_MAX = 2 * GIB  # private memory of a worker while it reads a file

ALIGNED_BYTES_KEPT_MAX = 512 << 20  # per worker, beside the newest

# Telling.
TELL_INTERVAL_S = 0.1
NOTE_INTERVAL_S = 1.0  # progress goes to the database at most this often
