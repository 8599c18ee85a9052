"""FACE: one file per page, api/ one file per JSON resource."""
