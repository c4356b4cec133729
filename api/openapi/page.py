"""A page to read the document: plain HTML made here, so that it needs no script and no other host."""

import json
from collections import defaultdict
from html import escape
from typing import Any

Schema = dict[str, Any]

METHODS = ("get", "put", "post", "patch", "delete")
STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #8881; --link: #0b57d0 }
@media (prefers-color-scheme: dark) { :root { --link: #8ab4f8 } }
* { box-sizing: border-box }
body { font: 16px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 60rem; padding: 1rem }
a { color: var(--link) }
nav ul { columns: 16rem; padding-left: 1.2rem }
h2 { border-bottom: 1px solid var(--line); margin-top: 3rem; text-transform: capitalize }
details { border: 1px solid var(--line); border-radius: .5rem; margin: .5rem 0; padding: 0 .8rem }
summary { cursor: pointer; padding: .6rem 0; overflow-wrap: anywhere }
summary span { opacity: .75 }
.method { display: inline-block; font: 600 .8rem ui-monospace, monospace; min-width: 4rem; text-transform: uppercase }
code, pre { font-family: ui-monospace, monospace; font-size: .875rem }
pre { background: var(--soft); border-radius: .4rem; overflow-x: auto; padding: .8rem }
table { border-collapse: collapse; display: block; overflow-x: auto }
td, th { border-bottom: 1px solid var(--line); padding: .3rem .8rem .3rem 0; text-align: left; vertical-align: top }
"""


def page(document: Schema) -> str:
    """Return the whole page: the operations by tag, each with its parameters, body, answers and examples."""
    info = document["info"]
    by_tag: dict[str, list[str]] = defaultdict(list)
    for path, item in document["paths"].items():
        for method in METHODS:
            if method in item:
                by_tag[(item[method].get("tags") or ["other"])[0]].append(_operation(method, path, item[method]))
    links = "".join(f'<li><a href="#{_anchor(tag)}">{escape(tag)}</a></li>' for tag in sorted(by_tag))
    sections = "".join(
        f'<section><h2 id="{_anchor(tag)}">{escape(tag)}</h2>{"".join(by_tag[tag])}</section>' for tag in sorted(by_tag)
    )
    return shell(
        f"{info['title']} API {info['version']}",
        f"<h1>{escape(info['title'])} API <small>{escape(info['version'])}</small></h1>"
        f"<p>{escape(info.get('description', ''))}</p>"
        '<p>The same as a document for machines: <a href="/v1/openapi.json">/v1/openapi.json</a> (OpenAPI 3.1). '
        'What can go wrong: <a href="/docs/problems">the problems</a>.</p>'
        f"<nav><ul>{links}</ul></nav>{sections}",
    )


def shell(title: str, body: str) -> str:
    """Return a whole page around its HTML."""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head><body><main>{body}</main></body></html>"
    )


def _anchor(tag: str) -> str:
    return escape(tag.replace(" ", "-"), quote=True)


def _operation(method: str, path: str, operation: Schema) -> str:
    open_to_all = operation.get("security") == []
    parts = [
        f"<p>{escape(operation['description'])}</p>" if operation.get("description") else "",
        "<p>No access token is needed.</p>" if open_to_all else "",
        _parameters(operation.get("parameters", [])),
        _body(operation.get("requestBody")),
        "".join(_answer(status, answer) for status, answer in operation["responses"].items()),
    ]
    return (
        f'<details id="{escape(operation["operationId"], quote=True)}">'
        f'<summary><b class="method">{method}</b> <code>{escape(path)}</code> '
        f"<span>{escape(operation.get('summary', ''))}</span></summary>{''.join(parts)}</details>"
    )


def _parameters(parameters: list[Schema]) -> str:
    if not parameters:
        return ""
    rows = "".join(
        f"<tr><td><code>{escape(one['name'])}</code></td><td>{escape(one['in'])}</td>"
        f"<td>{escape(one.get('description') or one.get('schema', {}).get('description', ''))}</td></tr>"
        for one in parameters
    )
    return f"<h4>Parameters</h4><table><tbody>{rows}</tbody></table>"


def _body(body: Schema | None) -> str:
    if not body:
        return ""
    return "<h4>Body</h4>" + "".join(_example(media) for media in body["content"].values())


def _answer(status: str, answer: Schema) -> str:
    examples = "".join(_example(media) for media in answer.get("content", {}).values())
    return f"<h4>{escape(status)} <small>{escape(answer.get('description', ''))}</small></h4>{examples}"


def _example(media: Schema) -> str:
    if "example" not in media:
        return ""
    return f"<pre>{escape(json.dumps(media['example'], indent=2, ensure_ascii=False))}</pre>"
