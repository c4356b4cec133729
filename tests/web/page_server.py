"""The server of a web client: its page, and the API's JSON passed on, as the page may call its own origin only."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx

FOLDER = Path(__file__).parent
PASSED_ON = ("accept", "authorization", "content-type", "if-match")


class _Handler(SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def __init__(self, *args: Any, api: httpx.Client, **options: Any) -> None:
        self.api = api
        super().__init__(*args, **options)

    def translate_path(self, path: str) -> str:
        name = path.partition("?")[0].strip("/") or "index.html"
        return str(FOLDER / ("page" if name == "index.html" else "dist") / Path(name).name)

    def do_GET(self) -> None:
        if self.path.startswith("/v1/"):
            self._pass_on()
        else:
            super().do_GET()

    def do_POST(self) -> None:
        self._pass_on()

    do_PUT = do_PATCH = do_DELETE = do_POST  # noqa: N815 - the names that its base class calls

    def _pass_on(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        headers = {name: self.headers[name] for name in PASSED_ON if name in self.headers}
        answer = self.api.request(self.command, self.path, headers=headers, content=body)
        self.send_response(answer.status_code)
        self.send_header("content-type", answer.headers.get("content-type", "application/json"))
        if answer.status_code != 204:
            self.send_header("content-length", str(len(answer.content)))
        self.end_headers()
        with suppress(ConnectionError):  # the page may be gone meanwhile
            self.wfile.write(answer.content)

    def log_message(self, *_: Any) -> None:
        """Say nothing: the tests assert."""


@contextmanager
def serving_page(api_url: str) -> Iterator[str]:
    """Serve until the block ends; the value is the page's origin."""
    with httpx.Client(base_url=api_url, timeout=60) as api:
        server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, api=api))
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, name="page", daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
            server.server_close()
