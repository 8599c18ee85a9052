"""Execution: from an approved chance to money that is home again, decided and never done here."""
