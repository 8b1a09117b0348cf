"""A small Hugging Face hub for tests, on loopback and in memory, that also serves plain files below
/files/, and breaks as it is told.

It speaks what huggingface_hub 2.4 needs to list, download and push dataset repositories over HTTP
and Git LFS. It knows no xet: it never sends X-Xet-Hash, and a client that pushes has to run with
HF_HUB_DISABLE_XET=1.

    with FakeHub() as hub:
        commit = hub.add("me/data", {"train.parquet": b"..."})
        hub.files["a.json"] = b"[]"
        hub.faults.append(Fault(r"GET /cdn/", cut_after=1000))
"""

import base64
import contextlib
import gzip
import hashlib
import json
import re
import socket
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from time import sleep  # by name: tests may replace time.sleep for the client
from typing import Any, Self
from urllib.parse import parse_qs, unquote, urlsplit

ID = r"([^/]+/[^/]+)"
ROUTES = {  # "METHOD /path" -> the method of Handler that answers; the groups are its arguments
    rf"(?:GET|HEAD) /datasets/{ID}/resolve/([^/]+)/(.+)": "resolve",
    r"(?:GET|HEAD) /cdn/(\w{64})": "cdn",
    rf"GET /api/datasets/{ID}(?:/revision/([^/]+))?": "info",
    rf"GET /api/datasets/{ID}/tree/([^/]+)(?:/(.*))?": "tree",
    r"(?:GET|HEAD) /files/(.+)": "plain",
    r"POST /api/repos/create": "create",
    r"POST /api/validate-yaml": "validate_card",
    rf"POST /api/datasets/{ID}/preupload/([^/]+)": "preupload",
    rf"POST /datasets/{ID}\.git/info/lfs/objects/batch": "lfs_batch",
    r"PUT /lfs/(\w{64})": "lfs_put",
    r"POST /lfs-verify": "lfs_verify",
    rf"POST /api/datasets/{ID}/commit/([^/]+)": "commit",
}


@dataclass
class File:
    data: bytes
    lfs: bool

    @cached_property
    def sha256(self) -> str:
        return hashlib.sha256(self.data).hexdigest()

    @cached_property
    def pointer(self) -> bytes:
        spec = "version https://git-lfs.github.com/spec/v1"
        return f"{spec}\noid sha256:{self.sha256}\nsize {len(self.data)}\n".encode()

    @cached_property
    def oid(self) -> str:
        """The git blob id: of the content, or of the pointer file if the content is in LFS."""
        blob = self.pointer if self.lfs else self.data
        return hashlib.sha1(b"blob %d\0" % len(blob) + blob).hexdigest()

    def info(self, sha256_key: str) -> dict[str, Any]:
        size = {"size": len(self.data)}
        lfs = size | {sha256_key: self.sha256, "pointerSize": len(self.pointer)}
        return size | ({"lfs": lfs} if self.lfs else {})


@dataclass
class Repo:
    private: bool = False  # needs any token of FakeHub.tokens
    gated: bool = False  # needs a token with the role "write"
    commits: dict[str, dict[str, File]] = field(default_factory=dict)  # commit id -> path -> file
    refs: dict[str, str] = field(default_factory=dict)  # branch or tag -> commit id

    def commit(self, ref: str, files: dict[str, File]) -> str:
        seed = f"{len(self.commits)} {self.refs.get(ref)} {[(p, f.oid) for p, f in files.items()]}"
        self.refs[ref] = oid = hashlib.sha1(seed.encode()).hexdigest()
        self.commits[oid] = dict(sorted(files.items()))
        return oid


@dataclass
class Fault:
    """What to do to the requests whose "METHOD /path?query" contains a match of ``match``."""

    match: str
    times: int = 1  # how many requests to hit (-1: all of them) ...
    skip: int = 0  # ... after letting this many matching ones pass
    status: int | None = None  # answer with this status, for example 429 or 503
    headers: dict[str, str] = field(default_factory=dict)  # added, for example Retry-After
    delay: float = 0.0  # seconds to wait before answering
    throttle: float = 0.0  # seconds to wait before every 64 KiB of the body
    cut_after: int | None = None  # close after this many bytes of the body; -1: say nothing at all
    reset: bool = False  # cut with a TCP reset (ReadError), not a close (RemoteProtocolError)
    rewrite: Callable[[bytes], bytes] | None = None  # serve other bytes (before Range is applied)
    gzip: bool = False  # Content-Encoding: gzip, chunked, no Range: as the Hub serves some text
    no_ranges: bool = False  # the whole file, whatever was asked for
    endless: bool = False  # a body without a length that goes on until the client has enough


class Reply(Exception):
    """An answer; returned, or raised when it is an error. A ``str`` body is an error message."""

    def __init__(self, status: int, body: Any = b"", code: str = "", **headers: str) -> None:
        error = {"X-Error-Message": body} if isinstance(body, str) else {}
        json_body = {"error": body} if error else body
        self.status = status
        self.body = body if isinstance(body, bytes) else json.dumps(json_body).encode()
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}
        self.headers |= error | ({"X-Error-Code": code} if code else {})


class FakeHub:
    def __init__(self, tokens: dict[str, str] | None = None) -> None:
        self.tokens = tokens  # None: no authentication at all; else token -> "read" or "write"
        self.repos: dict[str, Repo] = {}  # by "owner/name"
        self.files: dict[str, bytes] = {}  # below /files/: plain files, that no repository has
        self.lfs: dict[str, bytes] = {}  # sha256 -> content
        self.faults: list[Fault] = []
        self.log: list[tuple[str, dict[str, str], bytes]] = []  # (line, lower case headers, body)
        self.is_lfs: Callable[[str, int], bool] = lambda path, size: path.endswith(".parquet")
        self.check_card: Callable[[str, str], list[str]] = lambda kind, text: []  # the errors
        handler = type("BoundHandler", (Handler,), {"hub": self})
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.cdn = f"http://localhost:{self.server.server_port}"  # another origin, as for real
        self.lock = threading.RLock()
        self.connections: set[socket.socket] = set()

    def __enter__(self) -> Self:
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.server.shutdown()
        self.server.server_close()
        for connection in list(self.connections):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    @property
    def lines(self) -> list[str]:
        """The "METHOD /path?query" of every request so far."""
        return [line for line, _, _ in self.log]

    def add(
        self, repo_id: str, files: dict[str, bytes], private: bool = False, gated: bool = False
    ) -> str:
        """Create a repo, or commit to ``main`` of an existing one; returns the commit id."""
        with self.lock:
            repo = self.repos.setdefault(repo_id, Repo(private, gated))
            attributes = b"*.parquet filter=lfs diff=lfs merge=lfs -text\n"
            tree = {".gitattributes": File(attributes, False)}  # as in every new repo
            tree |= repo.commits[repo.refs["main"]] if repo.refs else {}
            tree |= {path: File(data, self.is_lfs(path, len(data))) for path, data in files.items()}
            self.lfs |= {file.sha256: file.data for file in tree.values() if file.lfs}
            return repo.commit("main", tree)


class Handler(BaseHTTPRequestHandler):
    hub: FakeHub
    protocol_version = "HTTP/1.1"

    def setup(self) -> None:
        super().setup()
        self.hub.connections.add(self.connection)

    def handle(self) -> None:
        with contextlib.suppress(ConnectionError):  # the client went away
            super().handle()
        self.hub.connections.discard(self.connection)

    def log_message(self, *args: object) -> None:
        pass

    def handle_any(self) -> None:
        self.body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        line, url = f"{self.command} {self.path}", urlsplit(self.path)
        self.query = {name: values[-1] for name, values in parse_qs(url.query).items()}
        headers = {name.lower(): value for name, value in self.headers.items()}
        with self.hub.lock:
            self.hub.log.append((line, headers, self.body))
            fault = self.take_fault(line)
        sleep(fault.delay)
        try:
            with self.hub.lock:
                reply = self.answer(f"{self.command} {url.path}", fault)
        except Reply as error:
            reply = error
        self.send(reply, fault)

    do_GET = do_HEAD = do_POST = do_PUT = handle_any

    def take_fault(self, line: str) -> Fault:
        for fault in self.hub.faults:
            if fault.times and re.search(fault.match, line):
                if fault.skip == 0:
                    fault.times -= 1
                    return fault
                fault.skip -= 1
        return Fault("")

    def answer(self, line: str, fault: Fault) -> Reply:
        if fault.status:
            return Reply(fault.status, f"fault injected: {fault.status}")
        for pattern, name in ROUTES.items():
            if m := re.fullmatch(pattern, line):
                answer: Reply = getattr(self, name)(*(unquote(group or "") for group in m.groups()))
                return answer
        return Reply(404, "no such endpoint")

    def send(self, reply: Reply, fault: Fault) -> None:
        status, headers, body = reply.status, dict(reply.headers), reply.body
        body = fault.rewrite(body) if fault.rewrite else body
        wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if fault.gzip and status == 200:
            body = gzip.compress(body)
            body = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
            headers |= {"Content-Encoding": "gzip", "Transfer-Encoding": "chunked"}
        elif fault.endless:
            headers["Transfer-Encoding"] = "chunked"
        elif (
            wanted
            and status == 200
            and "Accept-Ranges" in headers
            and not fault.no_ranges
            and self.fresh(headers)
        ):
            total, start = len(body), int(wanted[1])
            status, body = 206, body[start : int(wanted[2]) + 1 if wanted[2] else total]
            headers["Content-Range"] = f"bytes {start}-{start + len(body) - 1}/{total}"
            if start >= total:
                status, headers["Content-Range"] = 416, f"bytes */{total}"
        if "Transfer-Encoding" not in headers:
            headers["Content-Length"] = str(len(body))
        if fault.cut_after != -1:
            self.send_response(status)
            for name, value in (headers | fault.headers).items():
                self.send_header(name, value)
            self.end_headers()
            while fault.endless:
                self.wfile.write(b"10000\r\n" + b" " * 65536 + b"\r\n")
            body = b"" if self.command == "HEAD" else body[: fault.cut_after]
            for start in range(0, len(body), 65536):
                sleep(fault.throttle)
                self.wfile.write(body[start : start + 65536])
        if fault.cut_after is not None:
            self.close_connection = True
            if fault.reset:
                sleep(0.2)  # let the client read what was sent: a reset discards the rest
                linger = struct.pack("ii", 1, 0)
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                self.rfile.close()
                self.connection.close()

    def fresh(self, headers: dict[str, str]) -> bool:
        """Is the file that a range is asked of still the one that the client has the beginning
        of?"""
        return self.headers.get("If-Range", headers.get("ETag")) == headers.get("ETag")

    # -- who may do what, and lookups

    def role(self) -> str:
        """The rights of the caller: "write", "read", or "" when anonymous."""
        given = self.headers.get("Authorization", "").removeprefix("Bearer ")
        if self.hub.tokens is None:
            return "write"
        if given and given not in self.hub.tokens:
            raise Reply(401, "Invalid credentials in Authorization header")
        return self.hub.tokens.get(given, "")

    def need_write(self) -> None:
        if (role := self.role()) != "write":
            raise Reply(403 if role else 401, "You don't have the rights to write")

    def find(self, repo_id: str, revision: str = "main") -> tuple[Repo, str, dict[str, File]]:
        """The repo, and the commit id and the files at the revision."""
        repo, role = self.hub.repos.get(repo_id), self.role()
        if repo is None or (repo.private and not role):
            raise Reply(404 if role else 401, "Repository not found", "RepoNotFound")
        if repo.gated and role != "write":
            raise Reply(403 if role else 401, "Access is restricted.", "GatedRepo")
        commit = repo.refs.get(revision or "main", revision)
        if commit not in repo.commits:
            raise Reply(404, f"Invalid rev id: {revision}", "RevisionNotFound")
        return repo, commit, repo.commits[commit]

    def entries(self, repo_id: str, revision: str) -> dict[str, dict[str, Any]]:
        """All the folders and files at a revision, by path."""
        found: dict[str, dict[str, Any]] = {}
        for path, file in self.find(repo_id, revision)[2].items():
            for slash in re.finditer("/", path):
                folder = path[: slash.start()]
                oid = hashlib.sha1(folder.encode()).hexdigest()
                found[folder] = {"type": "directory", "path": folder, "oid": oid, "size": 0}
            found[path] = {"type": "file", "path": path, "oid": file.oid} | file.info("oid")
        return found

    # -- reading

    def resolve(self, repo_id: str, revision: str, path: str) -> Reply:
        _, commit, tree = self.find(repo_id, revision)
        if path not in tree:
            return Reply(404, "Entry not found", "EntryNotFound", X_Repo_Commit=commit)
        file, shared = tree[path], {"X_Repo_Commit": commit, "Accept_Ranges": "bytes"}
        if not file.lfs:
            return Reply(200, file.data, ETag=f'"{file.oid}"', **shared)
        shared |= {"X_Linked_Size": str(len(file.data)), "X_Linked_Etag": f'"{file.sha256}"'}
        return Reply(302, Location=f"{self.hub.cdn}/cdn/{file.sha256}", **shared)

    def cdn(self, sha256: str) -> Reply:  # like a signed URL: no authentication
        return Reply(200, self.hub.lfs[sha256], ETag=f'"{sha256}"', Accept_Ranges="bytes")

    def plain(self, path: str) -> Reply:
        if path not in self.hub.files:
            return Reply(404, "no such file")
        data = self.hub.files[path]
        return Reply(200, data, ETag=f'"{hashlib.md5(data).hexdigest()}"', Accept_Ranges="bytes")

    def info(self, repo_id: str, revision: str) -> Reply:
        repo, commit, tree = self.find(repo_id, revision)
        files: list[dict[str, Any]] = [{"rfilename": path} for path in tree]
        if self.query.get("blobs"):
            for info, file in zip(files, tree.values(), strict=True):
                info |= {"blobId": file.oid} | file.info("sha256")
        flags = {"private": repo.private, "gated": "manual" if repo.gated else False}
        return Reply(200, {"id": repo_id, "sha": commit, "tags": [], "siblings": files} | flags)

    def tree(self, repo_id: str, revision: str, folder: str) -> Reply:
        found = self.entries(repo_id, revision)
        if folder and folder not in found:
            return Reply(404, f"{folder} does not exist", "EntryNotFound")
        prefix, deep = folder and folder + "/", self.query["recursive"].lower() == "true"
        paths = [p for p in found if p.startswith(prefix) and (deep or "/" not in p[len(prefix) :])]
        return Reply(200, [found[path] for path in paths])

    # -- pushing

    def create(self) -> Reply:
        self.need_write()
        wanted = json.loads(self.body)
        repo_id = f"{wanted['organization'] or 'me'}/{wanted['name']}"
        answer = {"url": f"{self.hub.url}/datasets/{repo_id}"}
        if repo_id in self.hub.repos:
            return Reply(409, answer | {"error": "You already created this dataset repo"})
        self.hub.add(repo_id, {}, private=wanted.get("visibility") == "private")
        return Reply(200, answer)

    def validate_card(self) -> Reply:
        wanted = json.loads(self.body)
        errors = self.hub.check_card(wanted["repoType"], wanted["content"])
        warnings = ["empty or missing yaml metadata in repo card"]
        answer = {"errors": errors, "warnings": warnings * (wanted["content"][:3] != "---")}
        messages = {key: [{"message": text} for text in texts] for key, texts in answer.items()}
        return Reply(400 if errors else 200, messages)

    def preupload(self, repo_id: str, revision: str) -> Reply:
        self.need_write()
        tree, answer = self.find(repo_id, revision)[2], []
        for wanted in json.loads(self.body)["files"]:
            mode = "lfs" if self.hub.is_lfs(wanted["path"], wanted["size"]) else "regular"
            answer.append({"path": wanted["path"], "uploadMode": mode, "shouldIgnore": False})
            if old := tree.get(wanted["path"]):  # the client skips a file that did not change
                answer[-1]["oid"] = old.sha256 if old.lfs else old.oid
        return Reply(200, {"files": answer})

    def lfs_batch(self, repo_id: str) -> Reply:
        self.need_write()
        objects = json.loads(self.body)["objects"]
        for wanted in objects:
            if wanted["oid"] not in self.hub.lfs:
                upload, verify = f"{self.hub.cdn}/lfs/{wanted['oid']}", f"{self.hub.url}/lfs-verify"
                wanted["actions"] = {"upload": {"href": upload}, "verify": {"href": verify}}
        return Reply(200, {"transfer": "basic", "objects": objects})

    def lfs_put(self, sha256: str) -> Reply:  # like a signed URL: no authentication
        if hashlib.sha256(self.body).hexdigest() != sha256:
            return Reply(400, "the content does not have this sha256")
        self.hub.lfs[sha256] = self.body
        return Reply(200)

    def lfs_verify(self) -> Reply:
        wanted = json.loads(self.body)
        known = self.hub.lfs.get(wanted["oid"])
        return Reply(200 if known is not None and len(known) == wanted["size"] else 404)

    def commit(self, repo_id: str, revision: str) -> Reply:
        self.need_write()
        repo, parent, old = self.find(repo_id, revision)
        tree = dict(old)
        for line in map(json.loads, self.body.splitlines()):
            key, value = line["key"], line["value"]
            if key == "header" and not parent.startswith(value.get("parentCommit", "")):
                return Reply(412, "A commit has happened since. Please refresh and try again.")
            elif key == "file":
                tree[value["path"]] = File(base64.b64decode(value["content"]), False)
            elif key == "lfsFile":
                if value["oid"] not in self.hub.lfs:
                    return Reply(400, f"LFS object {value['oid']} was not uploaded")
                tree[value["path"]] = File(self.hub.lfs[value["oid"]], True)
            elif key == "deletedFile" and tree.pop(value["path"], None) is None:
                return Reply(404, "A file with this name doesn't exist", "EntryNotFound")
            elif key == "deletedFolder":
                prefix = value["path"].rstrip("/") + "/"
                tree = {path: file for path, file in tree.items() if not path.startswith(prefix)}
        oid = repo.commit(revision, tree)
        commit_url = f"{self.hub.url}/datasets/{repo_id}/commit/{oid}"
        return Reply(200, {"success": True, "commitOid": oid, "commitUrl": commit_url})
