"""Finalizers: several processes bring home what another one has opened, on one database.

`python -m tests.finalizers 8 mariadb` plays it at length; a short story is part of the suite.
"""
