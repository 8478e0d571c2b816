"""A stand-in for the hub's HTTP interface, on the loopback: what a push asks of it."""

import base64
import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Hub:
    """Repositories in memory.

    Attributes:
        files: By repository, the bytes of each file of its last commit.
        private: By repository.
        asked: Method and path of each request, and its authorization.
        refuses: The status with which commits are refused; 0 takes them.
    """

    def __init__(self):
        self.files, self.private, self.large, self.asked = {}, {}, {}, []
        self.refuses = 0
        self.url = ""

    def answer(self, method, path, body):
        """Return the status and the JSON of an answer."""
        if path == "/api/repos/create":
            wanted = json.loads(body)
            repo = f"{wanted.get('organization') or 'me'}/{wanted['name']}"
            status = 409 if repo in self.private else 200
            self.private.setdefault(repo, wanted.get("visibility") == "private" or
                                    bool(wanted.get("private")))  # fmt: skip
            return status, {"url": f"{self.url}/{repo}"}
        if path == "/api/validate-yaml":
            return 200, {"errors": [], "warnings": []}
        if path.endswith("/objects/batch"):
            return 200, {"transfer": "basic", "objects": [
                {**one, "actions": {"upload": {"href": f"{self.url}/large/{one['oid']}"}}}
                for one in json.loads(body)["objects"]
            ]}  # fmt: skip
        if path.startswith("/large/"):
            self.large[path.rpartition("/")[2]] = body
            return 200, {}
        repo, _, what = path.removeprefix("/api/models/").partition("/preupload/")
        if what:
            return 200, {"files": [
                {"path": one["path"], "shouldIgnore": False, "oid": None,
                 "uploadMode": "lfs" if one["path"].endswith(".safetensors") else "regular"}
                for one in json.loads(body)["files"]
            ]}  # fmt: skip
        repo, _, what = path.removeprefix("/api/models/").partition("/commit/")
        if what:
            return self.commit(repo, [json.loads(line) for line in body.splitlines()])
        return 200, {"id": repo, "private": self.private.get(repo), "siblings": []}

    def commit(self, repo, lines):
        """Take the files of a commit."""
        if self.refuses:
            return self.refuses, {"error": "no room for it"}
        found = {}
        for line in lines:
            value = line["value"]
            if line["key"] == "file":
                found[value["path"]] = base64.b64decode(value["content"])
            if line["key"] == "lfsFile":
                found[value["path"]] = self.large[value["oid"]]
        self.files[repo] = found
        return 200, {"success": True, "commitOid": "a" * 40, "hookOutput": "",
                     "commitUrl": f"{self.url}/{repo}/commit/{'a' * 40}"}  # fmt: skip


@contextmanager
def serving():
    """Serve a hub for a while."""
    hub = Hub()

    class Handler(BaseHTTPRequestHandler):
        def answer(self):
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            path = self.path.partition("?")[0]
            hub.asked.append((self.command, path, self.headers.get("Authorization")))
            status, content = hub.answer(self.command, path, body)
            data = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PUT = do_HEAD = answer  # noqa: N815

        def log_message(self, *_):
            """Stay silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hub.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
