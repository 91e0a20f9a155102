"""The decree as data against the decree's own text: nothing lost, nothing added, nothing changed."""

import re
from collections import Counter
from pathlib import Path

import pytest

from rod_pipeline.decree import Decree, load_decree

VECTORS = Path(__file__).parent / "vectors" / "besluit-55352791"
CODE = re.compile(r"[0-9]{2}\.[0-9]{2}\.[0-9]{2}")
SOFT = "\u00ad"  # a hyphen at the end of a printed line: of the word, or of the print
JOIN = "\u2060"  # a line break after a slash


@pytest.fixture(scope="module")
def decree() -> Decree:
    return load_decree()


def printed(name: str) -> str:
    return (VECTORS / name).read_text(encoding="utf-8")


def as_pattern(text: str) -> str:
    """A pattern for the printed text: a run of white space is one space; what the line break hides may go both ways."""
    text = re.sub(r"-\s*\n\s*(?=[a-z])", SOFT, text)
    text = re.sub(r"/\s*\n\s*", "/" + JOIN, text)
    text = " ".join(text.split())
    return re.escape(text).replace(SOFT, "-?").replace(JOIN, " ?")


def rubrieken_as_printed(decree: Decree) -> str:
    """The table of the annex, written from the data: headings, sectors and rubrieken in their order."""
    titles = {group.code: group.title for group in decree.groups}
    words: list[str] = []
    group = sector = None
    for rubriek in decree.rubrieken:
        if rubriek.group != group:
            group, sector = rubriek.group, None
            words.append(f"{group} {titles[group]}")
        if rubriek.sector != sector:
            sector = rubriek.sector
            words.append(sector or "")
        words += [rubriek.code, *rubriek.bro_articles, rubriek.basis, rubriek.lead, *rubriek.duo]
    return " ".join(word for word in words if word)


def table_of_the_annex() -> str:
    annex = printed("annex.txt")
    heading = "TOELICHTING DUO\n"
    table = annex[annex.index(heading) + len(heading) :].strip()
    return re.sub(r"(?m)^Mbo$", "mbo", table)  # sector headings vary in case


def test_the_table_of_the_annex_written_from_the_data_is_the_printed_table(decree: Decree) -> None:
    same = re.fullmatch(as_pattern(table_of_the_annex()), rubrieken_as_printed(decree))
    assert same is not None, "the data and the printed table differ: the tests per rubriek say where"


@pytest.mark.parametrize("code", CODE.findall(table_of_the_annex()))
def test_each_rubriek_is_the_printed_one(decree: Decree, code: str) -> None:
    table = table_of_the_annex()
    start = table.index(code)
    following = CODE.search(table, start + len(code))
    block = table[start : following.start() if following else len(table)]
    rubriek = decree.rubriek(code)
    written = " ".join(
        part for part in (code, *rubriek.bro_articles, rubriek.basis, rubriek.lead, *rubriek.duo) if part
    )
    headings = [as_pattern(f"{group.code} {group.title}") for group in decree.groups]
    tail = f"( ({'|'.join(headings)}))?( (vo|mbo|ho))?"
    assert re.fullmatch(re.escape(written) + tail, unbroken_like(written, block))


def unbroken_like(written: str, block: str) -> str:
    """The block with each broken word joined the way ``written`` has it."""
    text = re.sub(r"-\s*\n\s*(?=[a-z])", SOFT, block)
    text = " ".join(re.sub(r"/\s*\n\s*", "/", text).split())
    while SOFT in text:
        at = text.index(SOFT)
        text = text[:at] + ("-" if written[at : at + 1] == "-" else "") + text[at + 1 :]
    return text


def test_a_slip_in_the_transcription_is_found(decree: Decree) -> None:
    pattern = as_pattern(table_of_the_annex())
    written = rubrieken_as_printed(decree)
    for right, slip in (
        ("Niveau (inschrijf)", "Niveau inschrijf"),
        ("mbo-opleiding valt", "mboopleiding  valt"),
        ("29.54.22 5.3 ", "29.54.22 5.4 "),
        ("vooropl. VO vóór MBO", "vooropl. VO voor MBO"),
        ("Reden uitstroom", ""),
    ):
        assert right in written
        assert not re.fullmatch(pattern, written.replace(right, slip, 1))


def test_ninety_four_rubrieken_in_ten_groups(decree: Decree) -> None:
    count = Counter((rubriek.group, rubriek.sector) for rubriek in decree.rubrieken)
    assert count == {
        ("0", None): 1,
        ("4a", None): 1,
        ("4b", "mbo"): 9,
        ("5a", None): 12,
        ("5b", "vo"): 1,
        ("5b", "mbo"): 24,
        ("5b", "ho"): 5,
        ("6a", None): 7,
        ("6b", "mbo"): 2,
        ("6b", "ho"): 5,
        ("7a", "mbo"): 2,
        ("7b", "mbo"): 21,
        ("7b", "ho"): 2,
        ("8a", None): 2,
    }
    assert count.total() == 94
    assert Counter(rubriek.kind for rubriek in decree.rubrieken) == {"basis": 25, "derived": 69}


def test_names_are_names_without_explanations(decree: Decree) -> None:
    names = [name for rubriek in decree.rubrieken for name in rubriek.duo_fields]
    assert len(names) == 110
    assert {name for name, times in Counter(names).items() if times > 1} == {
        "Herkomst",
        "Indicatie Hoofdinschrijving (J of N)",
    }
    assert not [name for name in names if "–" in name or name != name.strip(" ;")]
    assert decree.rubriek("05.03.50").duo_fields == ("MBO Opleiding Eenheid Code",)
    assert decree.rubriek("05.03.50").description == "code voor opleidingsvariant/eenheid"
    assert decree.rubriek("29.64.02").duo_fields == (
        "Sectorkamer",
        "Sector van de inschrijving",
        "MBO Opleiding Sector",
    )


def test_articles_are_as_the_annex_has_them_or_none(decree: Decree) -> None:
    assert [rubriek.code for rubriek in decree.rubrieken if not rubriek.bro_articles] == ["29.44.08"]
    assert decree.rubriek("29.44.13").bro_articles == ("4.1, i", "4.1, j")
    assert decree.rubriek("29.44.10").bro_articles == ("4.1, e",)


def test_the_sensitive_ones_are_classified(decree: Decree) -> None:
    classes = {rubriek.code: rubriek.sensitivity for rubriek in decree.rubrieken if rubriek.sensitivity != "ordinary"}
    assert classes == {
        "29.02.10": "pseudonym",
        "29.44.13": "sensitive",
        "29.44.14": "sensitive",
        "08.06.20": "health",
    }


def test_every_rubriek_without_a_clear_name_is_marked(decree: Decree) -> None:
    unclear = {
        rubriek.code
        for rubriek in decree.rubrieken
        if not rubriek.lead and all(printed[0].islower() for printed in rubriek.duo)
    }
    marked = {code for ambiguity in decree.ambiguities for code in ambiguity.rubrieken}
    assert unclear <= marked
    assert "06.05.10" in unclear


def test_the_six_moments_are_those_of_section_4(decree: Decree) -> None:
    months = {"augustus": "08", "december": "12"}
    printed_moments = re.findall(r"• (.* verstrekking omstreeks (\w+) (\d{4})\.)", printed("sections-3-5.txt"))
    assert [(moment.key, moment.text) for moment in decree.moments] == [
        (f"{year}-{months[month]}", text) for text, month, year in printed_moments
    ]
    assert len(decree.moments) == 6


def test_every_condition_of_section_3_is_in_the_data_in_its_own_words(decree: Decree) -> None:
    sections = as_plain(printed("sections-3-5.txt"))
    quoted = {
        **{each.code: each.text for each in (*decree.purposes, *decree.permissions, *decree.duties)},
        decree.territory.code: decree.territory.text,
        decree.retention.code: decree.retention.text,
        decree.withdrawal.code: decree.withdrawal.text,
        "3f": decree.processor.text,
        "3g": decree.processor.direct_provision,
    }
    quoted.pop("6c")  # from section 6
    for code, text in quoted.items():
        assert as_plain(text) in sections, code
    for notification in decree.notifications:
        for about in notification.about:
            assert as_plain(about) in sections, notification.code
    letters = {code[1] for code in (*quoted, *(each.code for each in decree.notifications)) if code[0] == "3"}
    assert letters == set("abcdefghij")
    assert as_plain(decree.scope.text) in as_plain(printed("annex.txt"))
    assert decree.processor.name in decree.processor.text
    assert f"maximaal {decree.retention.years} jaar" in decree.retention.text


def as_plain(text: str) -> str:
    """Text without white space and hyphens: for quotations, in which the breaks of the print say nothing."""
    return re.sub(r"[\s-]", "", text)
