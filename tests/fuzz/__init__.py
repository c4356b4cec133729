"""Requests made from the document: more of them than anyone would write, and what each answer must hold to."""
