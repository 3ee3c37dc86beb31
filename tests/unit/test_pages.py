"""Links between the pages of README.md and docs/: each leads somewhere."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]
LINK = re.compile(r"\]\(([^)\s]+)\)")


def anchors(page: Path) -> set[str]:
    """Return what headings are called in addresses (GitHub's way)."""
    heads = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).strip().replace(" ", "-") for head in heads}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    wrong = []
    for link in LINK.findall(page.read_text()):
        where, _, part = link.partition("#")
        target = (page.parent / where).resolve() if where else page
        if ":" in where:
            continue
        if not target.exists() or (part and part not in anchors(target)):
            wrong.append(link)
    assert wrong == []


def test_every_page_is_reached_from_the_readme() -> None:
    seen: set[Path] = set()
    queue = [ROOT / "README.md"]
    while queue:
        page = queue.pop()
        seen.add(page)
        found = ((page.parent / link.partition("#")[0]).resolve() for link in LINK.findall(page.read_text()))
        queue += [target for target in found if target.suffix == ".md" and target.exists() and target not in seen]
    assert set(PAGES) <= seen
