"""What the documentation site does beyond MkDocs: the pages are written for GitHub's readers, and stay as they are.

A link that leaves docs/ leads to a page under project/: another document of the repository, a source file, or the list
of a folder. So every link works without a network, and `mkdocs build --strict` finds one that does not.
"""

from __future__ import annotations

import os
import posixpath
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parent.parent
DOCS, PROJECT = "docs", "project"

_LINK = re.compile(r"(\]\()([^)\s]+)(\))")
_FENCE = re.compile(r"^( *)```.*?^\1```", re.MULTILINE | re.DOTALL)
_LANGUAGES = {".service": "ini", ".conf": "text", ".example": "text"}
_IMAGES = (".svg", ".png")
_ICON = ROOT / "controller/web/static/icon.svg"
# The documents for programs, each with what it describes; editors have the last three as files.
_DOCUMENTS = {
    "openapi": "OpenAPI 3.1: the HTTP API",
    "asyncapi": "AsyncAPI 3: the MQTT topics",
    "messages": "JSON Schema: the messages on MQTT",
    "profile": "JSON Schema: a profile of a device",
    "routine": "JSON Schema: a routine",
    "settings": "JSON Schema: the settings",
}
_SCHEMAS = ROOT / "config/schema"

_origins: dict[str, str] = {}  # of each page, by its place in the site: its place in the repository


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Leave out of the navigation what is not there."""
    config.nav = list(_existing(config.nav))
    return config


def _existing(entries: list[Any]) -> Iterator[Any]:
    for entry in entries:
        ((title, goal),) = entry.items()
        if isinstance(goal, list):
            yield {title: list(_existing(goal))}
        elif goal.startswith(f"{PROJECT}/") or (ROOT / DOCS / goal).is_file():
            yield entry


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages under project/: what the pages link to, and what those link to, and the documents for programs."""
    _origins.clear()
    _origins.update({each.src_uri: f"{DOCS}/{each.src_uri}" for each in files if each.src_uri.endswith(".md")})
    waiting = [*_origins.values(), "CHANGELOG.md", "CONTRIBUTING.md", "config/pictures/README.md"]
    seen: set[str] = set()
    while waiting:
        path = waiting.pop()
        if path in seen:
            continue
        seen.add(path)
        place = _place(path)
        if files.get_file_from_path(place) is None:
            content = _content(path)
            files.append(File.generated(config, place, content=content))
            if place.endswith(".md"):
                _origins[place] = path
        if path.endswith(".md"):
            waiting += [goal for goal, _ in _goals(path, (ROOT / path).read_text(encoding="utf-8"))]
        elif (ROOT / path).is_dir():
            waiting += [each.relative_to(ROOT).as_posix() for each in _listed(path)]
    for each in (*_documents(config), File.generated(config, "assets/icon.svg", content=_ICON.read_bytes())):
        files.append(each)
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:  # noqa: ARG001
    """Let links lead to where the pages are in the site, and lists be indented as Python-Markdown reads them."""
    origin = _origins.get(page.file.src_uri)
    if origin is None:
        return markdown
    here = posixpath.dirname(page.file.src_uri)

    def relinked(found: re.Match[str]) -> str:
        for goal, anchor in _goals(origin, found[0]):
            return f"{found[1]}{posixpath.relpath(_place(goal), here or '.')}{anchor}{found[3]}"
        return found[0]

    if not origin.endswith(".md"):
        return markdown
    return _indented(_outside_fences(markdown, lambda text: _LINK.sub(relinked, text)))


def on_post_page(output: str, page: Page, config: MkDocsConfig) -> str:  # noqa: ARG001
    """Name the dialog of the search, which the theme leaves without a name for screen readers (9.8)."""
    dialog = '<div class="md-search" data-md-component="search" role="dialog"'
    return output.replace(dialog, f'{dialog} aria-label="Search"')


def _goals(origin: str, text: str) -> Iterator[tuple[str, str]]:
    """Yield the files and folders of the repository that a text links to, each with its anchor."""
    for found in _LINK.finditer(_FENCE.sub("", text)):
        path, mark, anchor = found[2].partition("#")
        if path and not re.match(r"[a-z]+:", path):
            goal = posixpath.normpath(posixpath.join(posixpath.dirname(origin), path))
            if (ROOT / goal).exists():
                yield goal, mark + anchor


def _place(path: str) -> str:
    """Return where something of the repository is in the site."""
    if path == "README.md":
        return "index.md"
    inside = path.removeprefix(f"{DOCS}/")
    if inside != path and path.endswith((".md", *_IMAGES, ".json")):
        return inside
    if (ROOT / path).is_dir() and (ROOT / path / "README.md").is_file():
        return _place(f"{path}/README.md")
    return f"{PROJECT}/{path}" if path.endswith((".md", *_IMAGES)) else f"{PROJECT}/{path}.md"


def _content(path: str) -> str | bytes:
    file = ROOT / path
    if file.is_dir():
        rows = [f"- [`{each.name}`]({each.name}{'.md' if each.suffix != '.md' else ''})" for each in _listed(path)]
        links = "\n".join(row.replace("](", f"]({file.name}/") for row in rows)
        return f"{_HIDDEN}# `{path}`\n\n{links}\n"
    if path.endswith(_IMAGES):
        return file.read_bytes()
    text = file.read_text(encoding="utf-8")
    if path.endswith(".md"):
        return text
    language = _LANGUAGES.get(file.suffix, file.suffix.removeprefix(".") or "text")
    return f"{_HIDDEN}# `{path}`\n\n``````{language}\n{text}``````\n"


_HIDDEN = "---\nsearch: {exclude: true}\n---\n\n"


def _listed(folder: str) -> list[Path]:
    return sorted(each for each in (ROOT / folder).iterdir() if each.is_file() and not each.name.startswith("."))


def _outside_fences(text: str, change: Any) -> str:
    """Change a text, but not what is in its blocks of code."""
    parts, last = [], 0
    for fence in _FENCE.finditer(text):
        parts += [change(text[last : fence.start()]), fence[0]]
        last = fence.end()
    return "".join([*parts, change(text[last:])])


def _indented(text: str) -> str:
    """Indent what belongs to an item by four columns: Python-Markdown wants that of every list, GitHub does not."""
    lines, width, fenced = [], 0, False
    for line in text.split("\n"):
        fenced ^= line.startswith("```")
        if not fenced and (item := re.match(r"(?:[-*]|\d+\.) +", line)):
            width = len(item[0])
        elif line and not line.startswith(" "):
            width = 0
        inside = width and line.startswith(" " * width)
        lines.append(f"    {line[width:]}" if inside else line)
    return "\n".join(lines)


def _documents(config: MkDocsConfig) -> Iterator[File]:
    """Yield the documents for programs, as `letdown schema …` prints them, and the page that lists them."""
    rows = ["# Documents for programs", "", "Generate clients and check messages with these, in this version.", ""]
    rows += ["| document | describes | printed by |", "|---|---|---|"]
    for name, words in _DOCUMENTS.items():
        file = _SCHEMAS / f"{name}.json"
        content = file.read_bytes() if file.is_file() else _printed("schema", name)
        yield File.generated(config, f"{PROJECT}/letdown-{name}.json", content=content)
        rows.append(f"| [letdown-{name}.json](letdown-{name}.json) | {words} | `letdown schema {name}` |")
    yield File.generated(config, f"{PROJECT}/documents.md", content="\n".join(rows) + "\n")


def _printed(*arguments: str) -> bytes:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("LETDOWN_")}
    program = ROOT / ".venv/bin/letdown"
    return subprocess.run([program, *arguments], capture_output=True, env=environment, check=True).stdout  # noqa: S603
