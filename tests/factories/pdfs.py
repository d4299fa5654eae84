"""What a PDF says, and what it looks like."""

from pathlib import Path

import pypdfium2

_MM = 25.4 / 72


def pdf_text(data: bytes) -> str:
    """All its words, line by line."""
    with pypdfium2.PdfDocument(data) as document:
        said = "\n".join(page.get_textpage().get_text_bounded() for page in document)
    return said.replace("\u00a0", " ")


def pdf_place(data: bytes, words: str) -> tuple[float, float]:
    """Where words begin on the first page: millimetres from its left and from its top."""
    with pypdfium2.PdfDocument(data) as document:
        page = document[0]
        text = page.get_textpage()
        found = text.search(words).get_next()
        assert found is not None, words
        left, _, _, top = text.get_charbox(found[0])
        return left * _MM, (page.get_height() - top) * _MM


def pdf_picture(data: bytes, path: Path, page: int = 0) -> None:
    """Write a picture of one of its pages."""
    with pypdfium2.PdfDocument(data) as document:
        document[page].render(scale=1.4).to_pil().save(path)
