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
}
