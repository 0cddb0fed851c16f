"""Decisions without I/O: tables and plain functions that the session and the services carry out."""
