"""Sphinx extension of this site: what of its pages is written from the program.

A page has a comment ``<!-- generated: NAME -->`` where such text goes, and in its lists of pages
``<!-- if there: PAGE -->`` for one that need not be there, and ``<!-- code: FILE FUNCTION -->``
for a function's source.
"""

from __future__ import annotations

import re
from functools import partial

from docs.extension import by_task, command_line, examples, public_names, readme, sources

_GENERATORS = {
    "command line": command_line.reference,
    "examples": examples.reference,
    "readme": readme.reference,
    **{layer: partial(public_names.reference, layer) for layer in public_names.LAYERS},
    **{f"calls for {task}": partial(by_task.reference, task) for task in by_task.TASKS},
}

_MARK = re.compile(r"<!-- generated: (.+?) -->")
_CODE = re.compile(r"<!-- code: (.+?) -->")
# A star before a name, as in ``(*shape, channels)``, that no star closes.
_LONE_STAR = re.compile(r"(?<![*\w\\])\*(?=[A-Za-z_])(?![^*]*[^*\s]\*(?![\w*]))")
_PAGE = re.compile(r"<!-- if there: (.+?) -->\n")


def setup(app):
    """Register what this extension does."""
    app.add_role("source", _source_role)
    app.connect("source-read", _fill_in)
    app.connect("autodoc-process-signature", _without_typing_context)
    app.connect("autodoc-skip-member", _skip_named_fields)
    # After numpydoc.
    app.connect("autodoc-process-docstring", _with_lone_stars, priority=900)
    app.connect("missing-reference", _refer_to_source)
    app.connect("html-collect-pages", _source_pages)
    return {"parallel_read_safe": True}


def _fill_in(app, page, content):
    pages = app.env.found_docs
    text = _MARK.sub(lambda mark: _GENERATORS[mark[1]](), content[0])
    text = _CODE.sub(lambda mark: f"```python\n{sources.code_of(mark[1])}\n```", text)
    content[0] = _PAGE.sub(lambda mark: f"{mark[1]}\n" if mark[1] in pages else "", text)


def _without_typing_context(app, what, name, value, options, signature, returned):
    """Leave out what Numba, and no caller, hands to an intrinsic."""
    if signature:
        return re.sub(r"^\(typing_?(context|ctx),? ?", "(", signature), returned
    return None


def _skip_named_fields(app, what, name, value, skip, options):
    """Leave out a named tuple's fields, which its docstring tells and Python only counts."""
    return True if (value.__doc__ or "").startswith("Alias for field number") else None


def _with_lone_stars(app, what, name, value, options, lines):
    """Let a star before a name be one, outside literals, and not the start of an emphasis."""
    for index, line in enumerate(lines):
        parts = line.split("``")
        parts[::2] = [_LONE_STAR.sub(r"\\*", part) for part in parts[::2]]
        lines[index] = "``".join(parts)


def _source_role(role, rawtext, text, line, inliner, options=None, content=None):
    """Link to the page that shows a file; the text is a path, or the name of a kernel's module."""
    from docutils import nodes

    environment = inliner.document.settings.env
    try:
        module = sources.find_file(text)
    except ValueError as error:
        return [], [inliner.reporter.error(f"source: {error}", line=line)]
    uri = environment.app.builder.get_relative_uri(environment.docname, sources.page_of(module))
    path = sources.source_files()[module].relative_to(sources.ROOT)
    return [nodes.reference("", "", nodes.literal("", str(path)), refuri=uri)], []


def _refer_to_source(app, environment, node, shown):
    """Link what a docstring names to where a page documents it, or else to its source."""
    from docutils import nodes

    if node.get("refdomain") != "py":
        return None
    package, target = (
        (node.get("py:module") or "analogy_kernels").partition(".")[0],
        node["reftarget"],
    )
    documented = environment.domains.python_domain.objects
    for name in (f"{layer}.{target}" for layer in public_names.LAYERS):
        if name.startswith(f"{package}.") and name in documented:
            page, anchor = documented[name].docname, f"#{documented[name].node_id}"
            break
    else:
        place = sources.find(target, package)
        if place is None:
            return None
        page, anchor = place.page, place.anchor
    uri = app.builder.get_relative_uri(node["refdoc"], page) + anchor
    return nodes.reference("", "", shown, internal=True, refuri=uri)


def _source_pages(app):
    """Yield a page for every file of the project's packages."""
    for module, path in sources.source_files().items():
        code = app.builder.highlighter.highlight_block(
            path.read_text(), "python", linenos="inline", lineanchors="L", force=True
        )
        name = str(path.relative_to(sources.ROOT))
        yield (
            sources.page_of(module),
            {"title": name, "body": f"<h1>{name}</h1>{code}"},
            "page.html",
        )
