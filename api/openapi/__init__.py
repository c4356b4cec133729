"""The OpenAPI document: what the routes say, made readable, with an example and the problems of each operation."""
