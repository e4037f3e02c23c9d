"""Every text of Python, templates and TypeScript is there in all three languages."""

from hunfly_box.kit import catalogues


def test_every_text_has_its_translation() -> None:
    assert catalogues.check() == []
