"""Catalogues: whole, true to their placeholders, and found for whoever asks."""

import pytest

from hunfly_box.kit import catalogues, i18n
from hunfly_box.kit.i18n import Viewer, speaking_to


def test_a_text_is_said_in_the_language_of_the_viewer() -> None:
    assert i18n.gettext("Sem dono") == "Sem dono"
    with speaking_to(Viewer("es", "America/Sao_Paulo")):
        assert i18n.gettext("Sem dono") == "Sin dueño"
    assert i18n.gettext("Sem dono") == "Sem dono"


def test_a_number_chooses_its_form() -> None:
    with speaking_to(Viewer("en", "UTC")):
        forms = [i18n.ngettext("O número está funcionando", "Todos os números estão funcionando", n) for n in (1, 2)]
    assert forms == ["The number is working", "All numbers are working"]


@pytest.mark.parametrize(
    ("wanted", "found"), [("en-GB", "en"), ("es_AR", "es"), ("pt-PT", "pt_BR"), ("de", "pt_BR"), (None, "pt_BR")]
)
def test_a_browsers_language_finds_the_closest(wanted: str | None, found: str) -> None:
    assert i18n.closest_locale(wanted) == found


def test_texts_of_scripts_are_gathered() -> None:
    source = "toast(t('Um \\'dois\\'', {n: 1})); tn('%(n)s coisa', '%(n)s coisas', 2); set('não')"
    assert catalogues.script_texts(source) == ["Um 'dois'", "%(n)s coisa", "%(n)s coisas"]
