"""English: every problem code → (title, detail). Each room keeps its own block."""

TEXTS: dict[str, tuple[str, str]] = {
    # front door
    "bad_request": ("The request cannot be read", "{reason}"),
    "malformed_json": ("The body is not valid JSON", "Send one JSON value encoded as UTF-8."),
    "not_signed_in": ("Sign in first", "This address needs a session or an API token."),
    "bad_credentials": (
        "Name or password is wrong",
        "Nothing was changed. After {tries} wrong tries this name waits {minutes} minutes.",
    ),
    "forbidden": ("Not allowed", "This account may not do that."),
    "csrf_failed": (
        "The form is too old or comes from another site",
        "Nothing was done. Load the page again and send the form once more.",
    ),
    "scope_missing": ("The token lacks a scope", "This call needs the scope {scope}."),
    "not_found": ("There is nothing here", "No page or entry has this address."),
    "method_not_allowed": ("This method is not offered here", "Allowed: {allowed}."),
    "conflict": ("This clashes with the current state", "{reason}"),
    "body_too_large": ("The body is too large", "At most {limit} are taken here."),
    "unsupported_media_type": ("This media type is not taken", "Expected: {expected}."),
    "wrong_host": (
        "This name is not ours",
        "The Host header names {host}. Set KIMP_PUBLIC_URL to reach kimp by that name.",
    ),
    "invalid_fields": ("Some fields are wrong", "Each is listed with what would have passed."),
    "too_many_attempts": ("Too many tries", "Try again in {retry_after_s} seconds."),
    "too_many_streams": ("Too many open streams", "Close another tab; the limit is {limit}."),
    "internal_error": (
        "Something broke inside kimp",
        "Nothing of this request was kept. The log has it under its request id.",
    ),
    "not_ready": ("Not ready yet", "kimp is starting or a part it needs is down. See System."),
    # people and secrets
    "session_only": (
        "Only a signed-in person may do this",
        "No token can do it, whatever its scopes. Sign in and use the page.",
    ),
    "code_wrong": (
        "The code is wrong or was used already",
        "Nothing was done. Each code is good once; wait for the next one.",
    ),
    "second_factor_missing": (
        "A second factor is needed",
        "Set one up in Settings first: this needs a code of your telephone.",
    ),
    "nothing_begun": (
        "There is nothing to confirm",
        "It was begun too long ago, or in another browser. Begin again.",
    ),
    "vault_shut": (
        "The stored secrets do not open",
        "This master key did not seal them, or they were changed. See System and doctor.",
    ),
    "address_unlike": (
        "The exchange names another address",
        "Its own deposit address for {asset} on {network} is {address}, tag {tag}.",
    ),
    "addresses_tampered": (
        "The list of withdrawal addresses was changed from outside",
        "Nothing is withdrawn until somebody has looked at the database.",
    ),
    "not_live": ("There is nothing to arm", "Only KIMP_MODE=live is armed."),
    "ticket_over": (
        "The arm ticket is over",
        "It is good for {seconds} seconds, once, in the browser that asked for it.",
    ),
    "phrase_wrong": ("The phrase is not the one shown", "Nothing was armed. Type: {phrase}"),
    # ledger
    "name_taken": ("This name is taken", "There is already an account called {name}."),
    "dataset_in_use": (
        "The dataset is in use",
        "{count} results were made from {dataset}: {by}. Delete them first.",
    ),
    "run_active": ("It is still at work", "Cancel {run} before deleting it."),
    "dataset_unknown": (
        "There is no such dataset",
        "{dataset} is not stored here; it may have been deleted.",
    ),
    # runtime.work
    "multipart_malformed": ("The upload cannot be read as multipart/form-data", "{reason}"),
    "already_finished": (
        "It has finished already",
        "{id} is {status}; only queued and running work can be cancelled.",
    ),
    "not_finished": (
        "There is no result yet",
        "{id} is {status}; its result can be read once it is completed.",
    ),
    "upload_settled": (
        "This upload waits for nothing",
        "{id} is {state}; columns can be named only while detection is unsure.",
    ),
    "file_missing": (
        "No file came with the form",
        "Send one multipart part named file with a file name.",
    ),
    "timeframes_differ": (
        "The timeframes differ",
        "{one} has bars of {one_s} s, {other} of {other_s} s. All candles of a run must agree.",
    ),
    "too_many_points": (
        "Too many points",
        "The lists make {points} combinations; at most {limit} are evaluated.",
    ),
    "no_window": (
        "No window fits",
        "The bars cover {span_days} days; a train and a test window need {needed_days}.",
    ),
    "too_many_uploads": (
        "Too many uploads at once",
        "{limit} files are being received already. Try again in a moment.",
    ),
    "too_much_work": (
        "Too much work is waiting",
        "{limit} jobs wait already. Let some finish or cancel them.",
    ),
    "result_damaged": (
        "The stored result is damaged",
        "{file} cannot be read. Start the run again; its data is untouched.",
    ),
    "worker_died": (
        "The worker process died",
        "It ended with {how} in the middle of this job, often because memory ran out. "
        "Nothing was kept; start it again.",
    ),
    "upload_interrupted": (
        "The upload broke off",
        "The connection or the service ended before the whole file was here. Nothing was kept.",
    ),
    "service_restarted": (
        "kimp was restarted meanwhile",
        "The job was running when the service stopped. Nothing was kept; start it again.",
    ),
    "work_timeout": ("It took too long", "The limit for this is {seconds} seconds."),
    "cluster_unreachable": (
        "The Dask cluster cannot be reached",
        "Nobody answers at {address}. Check KIMP_DASK_SCHEDULER, or unset it to compute here.",
    ),
    "cluster_failed": ("The Dask cluster gave up", "{reason}"),
    "disk_full": (
        "Not enough room on the disk",
        "This needs {needed} and {free} are free. Delete datasets or runs, or give it more room.",
    ),
    "work_out_of_memory": (
        "Not enough memory",
        "The job needed more memory than it may use. Try fewer bars or coins at once.",
    ),
    # security
    "setup_code_wrong": (
        "The code is wrong or too old",
        "Take the newest code from the log. Each works once, for {minutes} minutes.",
    ),
    "setup_done": ("The first run is over", "An admin exists. Sign in instead."),
    "too_many_tokens": ("Too many tokens", "{limit} tokens are in use. Revoke one first."),
    # history
    "file_empty": (
        "The file is empty",
        "There is nothing in it, or nothing but blank lines.",
    ),
    "file_without_rows": (
        "The file has no row",
        "There is a header, but no row with a value under it.",
    ),
    "file_binary": (
        "This is not a text file",
        "It looks like {value}. Expected: {expected}.",
    ),
    "file_spreadsheet": (
        "This is an Excel workbook",
        "Open it and save the sheet as CSV, then upload that.",
    ),
    "file_has_nul": (
        "The file holds a NUL byte",
        "Row {row} is damaged: text never holds a NUL.",
    ),
    "file_undecodable": (
        "The text cannot be decoded",
        "Row {row} holds {value}, which is not {expected}.",
    ),
    "gzip_broken": (
        "The gzip file is damaged",
        "It cannot be unpacked to its end: {value}.",
    ),
    "zip_broken": (
        "The zip file is damaged",
        "It cannot be unpacked: {value}. Expected: {expected}.",
    ),
    "zip_not_single": (
        "The zip holds more or less than one file",
        "Found {value} files; expected {expected}.",
    ),
    "zip_encrypted": (
        "The zip is locked with a password",
        "Pack the file again without one.",
    ),
    "expands_too_far": (
        "The file unpacks to too much",
        "Allowed: {expected}.",
    ),
    "parquet_broken": (
        "The Parquet file cannot be read",
        "{value}",
    ),
    "json_broken": (
        "The JSON cannot be read",
        "Row {row}, near {value}: expected {expected}.",
    ),
    "too_many_columns": (
        "Too many columns",
        "Row {row} has {value} columns; expected {expected}.",
    ),
    "field_too_long": (
        "A field is too long",
        "Row {row} {column}: expected {expected}.",
    ),
    "quotes_broken": (
        "Quotes do not close",
        "Row {row}: expected {expected}.",
    ),
    "columns_unsure": (
        "Which column is which?",
        "Detection is not sure of: {columns}. Say which column holds what.",
    ),
    "column_unknown": (
        "There is no such column",
        "{value} was named; the file offers {expected}.",
    ),
    "tz_unknown": (
        "The time zone is unknown",
        "{value} is none. Expected: {expected}.",
    ),
    "row_fields": (
        "A row has the wrong number of fields",
        "Row {row} has {value}; expected {expected}.",
    ),
    "value_missing": (
        "A value is missing",
        "Row {row} {column} is empty; expected {expected}.",
    ),
    "value_not_number": (
        "A value is not a number",
        "Row {row} {column} reads {value}; expected {expected}.",
    ),
    "value_not_finite": (
        "A value is not finite",
        "Row {row} {column} reads {value}; expected {expected}.",
    ),
    "value_not_positive": (
        "A price is not positive",
        "Row {row} {column} reads {value}; expected {expected}.",
    ),
    "value_negative": (
        "A volume is negative",
        "Row {row} {column} reads {value}; expected {expected}.",
    ),
    "high_below_low": (
        "The high is below the low",
        "Row {row} {column} reads {value}; expected {expected}.",
    ),
    "price_outside_range": (
        "A price lies outside its own candle",
        "Row {row} {column} reads {value}; expected {expected}.",
    ),
    "time_unreadable": (
        "A time cannot be read",
        "Row {row} {column} reads {value}; expected {expected}.",
    ),
    "time_ambiguous": (
        "A time can mean two things",
        "Row {row} {column} reads {value}; expected {expected}.",
    ),
    "time_forms_mixed": (
        "Times are written in different ways",
        "Row {row} {column} reads {value}; expected {expected}.",
    ),
    "time_out_of_range": (
        "A time is out of range",
        "Row {row} {column} reads {value}; expected {expected}.",
    ),
    "time_off_grid": (
        "A time is off the timeframe's grid",
        "Row {row} {column} reads {value}; expected {expected}.",
    ),
    "timeframe_unknown": (
        "The timeframe cannot be told",
        "Expected: {expected}. Name the timeframe at upload.",
    ),
    "timeframes_mixed": (
        "Several timeframes in one file",
        "Row {row} {column} reads {value}; the rows before {expected}.",
    ),
    "coins_mixed": (
        "Several markets in one file",
        "Row {row} {column} reads {value}; the rows before {expected}.",
    ),
    "rows_conflict": (
        "Two rows of one time differ",
        "Row {row} {column} reads {value}, but {expected}.",
    ),
    "dataset_damaged": (
        "The stored dataset is damaged",
        "{column} is not what was stored. Delete the dataset and upload its file again.",
    ),
    "engine_killed": (
        "The kill switch is on",
        "Say HALTED first, which lets go of it; then begin again.",
    ),
    "orders_unknown": (
        "A venue has orders that the ledger does not know",
        "They look like kimp's own: an older copy of the database was put back, or another kimp "
        "trades on the same account. Put the newest database back, or stop kimp and say "
        "“python -m app restored”.",
    ),
    "cycle_changed": (
        "The cycle has moved on",
        "You saw version {seen} of {cycle}; since then it became another one ({now}). "
        "Nothing was done. Look at it again and decide anew.",
    ),
    "state_changed": (
        "The trading state has changed",
        "Somebody changed it since you looked. Nothing was done. Look at it again.",
    ),
    "action_impossible": (
        "Nothing was done",
        "{action} is not possible for the cycle as it is now. Its page says why.",
    ),
    "feeds_fixed": (
        "The feeds are fixed",
        "The environment says KIMP_FEEDS={feeds}. Start kimp without it to choose here.",
    ),
    "archive_away": (
        "The archive does not answer",
        "Histories wait until it is back; everything live goes on. It says: {reason}",
    ),
}
