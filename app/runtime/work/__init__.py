"""Work that takes more than a moment: uploads, runs, studies, and the processes that do them."""
