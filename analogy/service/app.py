"""The pages and answers of the service, over HTTP."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.applications import Starlette
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import (
    FileResponse,
    HTMLResponse,
    JSONResponse,
    Response,
    StreamingResponse,
)
from starlette.routing import Route

from analogy.errors import AnalogyError
from analogy.images import check_not_too_small, image_shape
from analogy.method.memory_estimate import check_memory
from analogy.method.points_file import points_of_text
from analogy.parameters import APPLICATIONS
from analogy.report.command import POINTS_FILE
from analogy.service.files import (
    PICTURES,
    SCRIPTS,
    media_type,
    names_in,
    shown_kind,
    write_shown_copy,
    zipped,
)
from analogy.service.form import (
    again_with_points,
    file_name,
    form_fields,
    in_the_forms_words,
    request_of,
)
from analogy.service.guard import SameOrigin, limited
from analogy.service.jobs import DONE, WAITING, QueueFullError
from analogy.service.progress import in_plain_words

_HERE = Path(__file__).parent

# The page looks as the report does.
_REPORT = _HERE.parent / "report"
_STYLE_SHEETS = _REPORT / "style.css", _REPORT / "points.css", _HERE / "page.css"

_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; "
    "img-src 'self' blob: data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

_MEGABYTE, _MEGAPIXEL = 10**6, 10**6
_FIELD_BYTES, _FIELDS = 1000, 10

# Of a file of points, and how many it may hold: more than anyone sets by hand.
_POINTS_BYTES, _POINTS = 100_000, 1000
# Files that are looked at, at once, before a job is made of them.
_CHECKS = 4


@dataclass(frozen=True)
class Limits:
    """What the service takes.

    Attributes
    ----------
    upload_bytes : int
        Most bytes of an upload: two images and a little more.
    pixels : int
        Most pixels of an image.
    memory_bytes : int
        Most memory of a transfer, by estimate.
    patience : float
        Seconds that an upload may stall.
    """

    upload_bytes: int
    pixels: int
    memory_bytes: int
    patience: float = 30.0


def make_app(jobs, limits, hosts, public_host=None):
    """Make the application.

    Parameters
    ----------
    jobs : Jobs
    limits : Limits
    hosts : sequence of str
        Names of the service; requests for others are refused. With "*" it has any.
    public_host : str, optional
        Name of a proxy before it, by which browsers reach it.

    Returns
    -------
    starlette.applications.Starlette
    """
    service = _Service(jobs, limits)
    hosts = [*hosts] if public_host is None else [*hosts, public_host]
    return Starlette(
        routes=[
            Route("/", service.page),
            Route("/style.css", service.style),
            Route("/{name}.js", service.script),
            Route("/pictures/{name}", service.picture),
            Route("/alive", service.alive),
            Route("/check", service.check, methods=["POST"]),
            Route("/jobs", service.submit, methods=["POST"]),
            Route("/jobs/{id}", service.job),
            Route("/jobs/{id}", service.cancel, methods=["DELETE"]),
            Route("/jobs/{id}/again", service.submit_again, methods=["POST"]),
            Route("/jobs/{id}/all.zip", service.all_files),
            Route("/jobs/{id}/originals/{key}", service.original),
            Route("/jobs/{id}/{folder}/{name}", service.file),
        ],
        middleware=[
            Middleware(TrustedHostMiddleware, allowed_hosts=hosts, www_redirect=False),
            Middleware(SameOrigin, public_host=public_host),
        ],
        exception_handlers={
            HTTPException: lambda request, error: _http_refusal(error),
            QueueFullError: lambda request, error: _refusal(503, error),
            AnalogyError: lambda request, error: _refusal(422, in_the_forms_words(str(error))),
            OSError: lambda request, error: _refusal(
                507, f"files cannot be kept here: {error.strerror or error}"
            ),
            # Nobody is there to read it.
            ClientDisconnect: lambda request, error: Response(status_code=400),
        },
        lifespan=service.lifespan,
    )


def _http_refusal(error):
    # Starlette gives the size in kilobytes, of which a field's is none.
    if "exceeded maximum size" in error.detail:
        message = f"a field of the form holds more than {_FIELD_BYTES} bytes; shorten it"
        return _refusal(413, message)
    return _refusal(error.status_code, error.detail)


def _refusal(status, message):
    return JSONResponse({"error": str(message)}, status)


class _Service:
    def __init__(self, jobs, limits):
        self._jobs, self._limits = jobs, limits
        self._page = _page(limits)
        self._style = "\n".join(path.read_text(encoding="utf-8") for path in _STYLE_SHEETS)
        self._checks = 0
        # Large pictures are decoded one at a time.
        self._copying = asyncio.Lock()

    @contextlib.asynccontextmanager
    async def lifespan(self, app):
        running = asyncio.create_task(self._jobs.run())
        yield
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running

    async def page(self, request):
        return HTMLResponse(self._page, headers={"Content-Security-Policy": _POLICY})

    async def style(self, request):
        return HTMLResponse(self._style, media_type="text/css")

    async def script(self, request):
        return _file_of(SCRIPTS, f"{request.path_params['name']}.js", "text/javascript")

    async def picture(self, request):
        return _file_of(PICTURES, request.path_params["name"], "image/jpeg")

    async def alive(self, request):
        """Tell that the service is there."""
        return JSONResponse({})

    async def check(self, request):
        """Look at one image as it is chosen, so that what is wrong with it is said then."""
        if self._checks >= _CHECKS:
            raise HTTPException(503, "many files are being looked at; try again")
        self._checks += 1
        try:
            async with self._form(request, max_files=1) as form:
                upload = _uploaded(form.get("image"), "an image is needed, in the field image")
                name = file_name(upload.filename, "image")
                height, width = await asyncio.to_thread(self._checked_shape, upload.file, name)
        finally:
            self._checks -= 1
        return JSONResponse({"height": height, "width": width})

    async def submit(self, request):
        """Take two images and what to do with them."""
        job = self._jobs.admit()
        try:
            asked = await self._receive(request, job)
        except BaseException:
            self._jobs.discard(job)
            raise
        self._jobs.enqueue(job, asked)
        location = f"/jobs/{job.id}"
        return JSONResponse(self._shown(job), 201, headers={"Location": location})

    async def submit_again(self, request):
        """Take points, by which a job that is done is to be done again."""
        earlier = self._find(request)
        if earlier.state != DONE:
            raise HTTPException(409, "only a job that is done can be run again; wait for it")
        job = self._jobs.admit()
        try:
            asked = await self._receive_points(request, earlier, job)
        except BaseException:
            self._jobs.discard(job)
            raise
        self._jobs.enqueue(job, asked)
        location = f"/jobs/{job.id}"
        return JSONResponse(self._shown(job), 201, headers={"Location": location})

    async def job(self, request):
        return JSONResponse(self._shown(self._find(request)))

    async def cancel(self, request):
        job = self._find(request)
        self._jobs.cancel(job)
        return JSONResponse(self._shown(job))

    async def file(self, request):
        """One of the files that a job reads or writes."""
        job, name = self._find(request), request.path_params["name"]
        folders = {"inputs": job.inputs, "results": job.results, "previews": job.previews}
        folder = folders.get(request.path_params["folder"])
        # Of the folder's own files: a name that leads elsewhere is none of them.
        if folder is None or name not in names_in(folder):
            raise HTTPException(404, "no such file")
        return await _sent(folder / name, media_type(name, folder != job.inputs))

    async def all_files(self, request):
        """All results of a job in one file."""
        job = self._find(request)
        if job.state != DONE:
            raise HTTPException(404, "no such file: the job is not done")
        name = f"{_stem(job.request.inputs.a)}__{_stem(job.request.inputs.b_primes[0])}"
        # What it is saved as the page's link says: a header has no letters but those of Latin.
        headers = {"Content-Disposition": "attachment"}
        return StreamingResponse(zipped(job.results, name), 200, headers, "application/zip")

    async def original(self, request):
        """One of a job's images as a browser shows it, whatever kind it is of."""
        job, key = self._find(request), request.path_params["key"]
        if key not in ("a", "b_prime"):
            raise HTTPException(404, "no such picture")
        inputs = job.request.inputs
        path = job.inputs / (inputs.a if key == "a" else inputs.b_primes[0])
        if not path.is_file():
            raise HTTPException(404, "no such picture: the job keeps no files")
        kind = await asyncio.to_thread(shown_kind, path)
        if kind:
            return await _sent(path, kind)
        copy = job.folder / "shown" / f"{key}.png"
        async with self._copying:
            if not copy.exists():
                await asyncio.to_thread(write_shown_copy, path, copy)
        return await _sent(copy, "image/png")

    def _find(self, request):
        job = self._jobs.find(request.path_params["id"])
        if job is None:
            raise HTTPException(404, "no such job; it may have been removed as newer ones came")
        return job

    def _form(self, request, max_files):
        """The form that a request brings, within the limits."""
        limits = self._limits
        body = Request(request.scope, limited(request, limits.upload_bytes, limits.patience))
        return body.form(max_files=max_files, max_fields=_FIELDS, max_part_size=_FIELD_BYTES)

    async def _receive(self, request, job):
        async with self._form(request, max_files=2) as form:
            needed = "two images are needed, in the fields a and b_prime"
            files = {key: _uploaded(form.get(key), needed) for key in ("a", "b_prime")}
            a, b_prime = _names_of(files)
            asked = request_of(a, b_prime, job.results, _filled_in(form))
            await asyncio.to_thread(self._check, files, (a, b_prime), asked.parameters)
            for name, upload in zip((a, b_prime), files.values(), strict=True):
                await asyncio.to_thread(_store, upload.file, job.inputs / name)
        return asked

    async def _receive_points(self, request, earlier, job):
        """What is asked of a job that does an earlier one again, whose files it has now."""
        limits, inputs = self._limits, earlier.request.inputs
        body = Request(request.scope, limited(request, _POINTS_BYTES, limits.patience))
        content = await body.body()
        names = inputs.a, inputs.b_primes[0]
        job.points = await asyncio.to_thread(_points_in, content, earlier.inputs, names)
        for name in names:
            await asyncio.to_thread(shutil.copyfile, earlier.inputs / name, job.inputs / name)
        (job.inputs / POINTS_FILE).write_bytes(content)
        job.origin = earlier.origin
        return again_with_points(earlier.request, job.results)

    def _check(self, files, names, parameters):
        shapes = [
            self._checked_shape(upload.file, name)
            for upload, name in zip(files.values(), names, strict=True)
        ]
        shape_a, shape_b = shapes
        check_memory(
            shape_a,
            shape_b,
            parameters.ratio,
            parameters.max_side,
            self._limits.memory_bytes,
            parameters.refine,
        )

    def _checked_shape(self, file, name):
        height, width = image_shape(file, name)
        if height * width > self._limits.pixels:
            raise AnalogyError(
                f"{name}: {width} x {height} px are more than the "
                f"{self._limits.pixels / _MEGAPIXEL:g} megapixels taken here; shrink it"
            )
        check_not_too_small((height, width), name)
        return height, width

    def _shown(self, job):
        """A job as the page is told of it."""
        return {
            "id": job.id,
            "state": job.state,
            "ahead": self._jobs.ahead(job) if job.state == WAITING else 0,
            "fraction": round(job.shown_fraction, 4),
            "stage": job.stage,
            "doing": in_plain_words(job.stage),
            "seconds_left": job.seconds_left,
            "preview": _newest_preview(job),
            "error": in_the_forms_words(job.error),
            "seconds": job.seconds,
            "a": str(job.request.inputs.a),
            "b_prime": str(job.request.inputs.b_primes[0]),
            "results": names_in(job.results) if job.state == DONE else [],
            "points": job.points,
            "again": job.origin != job.id,
        }


def _page(limits):
    environment = Environment(
        loader=FileSystemLoader(_HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("page.html").render(
        applications=APPLICATIONS,
        fields=form_fields(),
        pictures={name: f"pictures/{name}.jpg" for name in APPLICATIONS},
        upload_bytes=limits.upload_bytes,
        upload_megabytes=f"{limits.upload_bytes / _MEGABYTE:g}",
        megapixels=f"{limits.pixels / _MEGAPIXEL:g}",
    )


def _file_of(files, name, kind):
    if name not in files:
        raise HTTPException(404, "no such file")
    return FileResponse(files[name], media_type=kind)


def _uploaded(file, needed):
    """A file that came with a form, which has to be there and to hold something."""
    if not isinstance(file, UploadFile) or not file.size:
        raise HTTPException(422, needed)
    return file


def _filled_in(form):
    """Fields of a form that are not empty."""
    texts = {key: value.strip() for key, value in form.items() if isinstance(value, str)}
    return {key: text for key, text in texts.items() if text}


def _names_of(files):
    """Harmless names of the two files, which differ."""
    a, b_prime = (file_name(upload.filename, key) for key, upload in files.items())
    return a, b_prime if a != b_prime else f"b_{b_prime}"


async def _sent(path, kind):
    """A file as an answer. Its job may be removed, and it too, since it was seen to be there."""
    try:
        facts = await asyncio.to_thread(path.stat)
    except FileNotFoundError:
        raise HTTPException(404, "no such file; its job was removed just now") from None
    return FileResponse(path, media_type=kind, stat_result=facts)


def _newest_preview(job):
    """How many previews of results to come there are; the last is the one to look at."""
    if job.state == DONE:
        return 0
    return sum(name.endswith("_a_prime.png") for name in names_in(job.previews))


def _stem(name):
    return Path(name).stem


def _points_in(content, folder, names):
    """Points of a file that was sent, which lie in the images of a folder."""
    try:
        points = points_of_text(content.decode("utf-8-sig"), POINTS_FILE)
    except UnicodeDecodeError:
        raise AnalogyError(f"{POINTS_FILE}: no text in UTF-8; save it as CSV in UTF-8") from None
    if len(points.names) > _POINTS:
        raise AnalogyError(f"{POINTS_FILE}: {len(points.names)} points; give {_POINTS} at most")
    shapes = []
    for name in names:
        with (folder / name).open("rb") as file:
            shapes.append(image_shape(file, str(name)))
    return points.inside(*shapes).positions.tolist()


def _store(file, path):
    file.seek(0)
    with path.open("wb") as copy:
        shutil.copyfileobj(file, copy)
