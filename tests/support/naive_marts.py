"""The marts once more, row by row and in words of one syllable: what the real ones are held against.

Written from the definitions (docs/explanation/marts.md), not from the code: plain dictionaries and loops, one row at a
time. Each function takes the files of a delivery as lists of rows and gives a number of counters per group.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from tests.support.marts import Files, Row

Cells = dict[tuple[Any, ...], Counter[str]]
NORM = {"0": 2, "1": 1, "2": 2, "3": 4, "5": 2, "6": 3, "7": 4, "8": 4, "9": 4, "11": 2, "12": 3, "13": 4, "14": 4}
NORM |= {"15": 2}
PERSON_YEAR = ("sectornummer", "schooljaar", "status")


def _pick(row: Row, *names: str) -> tuple[Any, ...]:
    return tuple(row.get(name) for name in names)


def _first_known(rows: Sequence[Row], name: str) -> Any:
    return min((row[name] for row in rows if row.get(name) is not None), default=None)


def _yes_no(flag: bool | None) -> str | None:
    return None if flag is None else "J" if flag else "N"


def _year(text: str | None) -> int | None:
    return int(text[:4]) if text and text[:4].isdigit() else None


def _main_enrolment(files: Files, row: Row, name: str) -> Any:
    found = [
        one
        for one in files["inschrijvingen"]
        if one.get("hoofdinschrijving_instelling") is True
        and _pick(one, *PERSON_YEAR, "instellingscode") == _pick(row, *PERSON_YEAR, "instellingscode")
    ]
    return _first_known(found, name)


def _told(files: Files, row: Row) -> str:
    years = {_pick(one, "schooljaar", "status") for one in files["inschrijvingen"]}
    return "J" if _pick(row, "schooljaar", "status") in years else "N"


def _of_programme(files: Files, crebo: str | None) -> tuple[Any, ...]:
    same = [one for one in files["doorstroom"] if crebo and one.get("kwalificatiecode_inschrijving") == crebo]
    return tuple(_first_known(same, name) for name in ("code_bc", "code_sg", "code_hg"))


def _rank(row: Row) -> tuple[Any, ...]:
    """Highest level first, then the lowest crebo, then the lowest code of the institution; unknown comes last."""
    level, crebo, place = _pick(row, "niveau", "kwalificatiecode_inschrijving", "instellingscode")
    return (-int(level[-1]) if level else 0, crebo is None, crebo or "", place is None, place or "")


def _one_each(rows: Sequence[Row]) -> set[int]:
    """The rows (by identity) that stand for a student in a year."""
    groups: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
    for row in rows:
        groups[_pick(row, *PERSON_YEAR)].append(row)
    return {id(min(group, key=_rank)) for group in groups.values()}


def studentaantallen(files: Files) -> Cells:
    found: Cells = defaultdict(Counter)
    for row in files["inschrijvingen"]:
        day = row.get("peildatum")
        country, place = row.get("hoofdinschrijving_mbo"), row.get("hoofdinschrijving_instelling")
        if day is None or (day.month, day.day) != (10, 1) or not (country or place):
            continue
        group = _pick(row, "schooljaar", "status", "instellingscode", "opleidingscode", "code_bc", "code_sg", "code_hg")
        group += _pick(row, "sectorkamer", "niveau", "leerweg", "leeftijdsgroep_1okt")
        found[group] += Counter(studenten=int(country is True), studenten_instelling=int(place is True))
    return found


def _doorstroom_group(row: Row) -> tuple[Any, ...]:
    return _pick(row, "schooljaar", "status", "instellingscode", "kwalificatiecode_inschrijving") + _pick(
        row, "code_bc", "code_sg", "code_hg", "sector_inschrijving", "niveau", "leerweg"
    )


def _letters(files: Files, letters: str) -> list[Row]:
    return [
        row
        for row in files["doorstroom"]
        if row.get("niveau") is not None and row.get("in_door_uitstroom") in tuple(letters)
    ]


def instroom(files: Files) -> Cells:
    rows = _letters(files, "IT")
    once, found = _one_each(rows), defaultdict(Counter)
    for row in rows:
        group = (
            *_doorstroom_group(row),
            row.get("categorie_hoogste_vooropleiding"),
            _main_enrolment(files, row, "instelling_vooropleiding_vo"),
            _told(files, row),
            row["in_door_uitstroom"],
        )
        found[group] += Counter(instroom=int(id(row) in once), instroom_instelling=1)
    return found


def uitstroom(files: Files) -> Cells:
    rows = _letters(files, "UT")
    once, found = _one_each(rows), defaultdict(Counter)
    for row in rows:
        group = (
            *_doorstroom_group(row),
            _yes_no(row.get("heeft_diploma")),
            _main_enrolment(files, row, "reden_uitstroom"),
            _told(files, row),
            row["in_door_uitstroom"],
        )
        found[group] += Counter(uitstroom=int(id(row) in once), uitstroom_instelling=1)
    return found


def _results(row: Row) -> Counter[str]:
    says = {name: row.get(name) is True for name in row}
    has, fits = says.get("heeft_diploma", False), says.get("passend_diploma", False)
    pairs = {
        "jaarresultaat": (says.get("populatie_jaarresultaat"), has),
        "diplomaresultaat": (says.get("populatie_diplomaresultaat"), has),
        "starters": (says.get("populatie_starter"), says.get("indicatie_startersresultaat")),
        "passende_plaatsing": (row.get("passende_plaatsing") is not None, row.get("passende_plaatsing")),
        "passend_diploma": (says.get("populatie_diplomaresultaat"), fits),
        "kwalificatiewinst": (
            says.get("populatie_diplomaresultaat") and has and row.get("categorie_hoogste_vooropleiding") in NORM,
            fits,
        ),
        "opstroom": (says.get("populatie_opstroom"), says.get("indicatie_opstroom")),
    }
    counted: Counter[str] = Counter()
    for name, (of, good) in pairs.items():
        counted[f"{name}_noemer"] = int(bool(of))
        counted[f"{name}_teller"] = int(bool(of) and bool(good))
    return counted


def studiesucces(files: Files) -> Cells:
    rows = [row for row in files["doorstroom"] if row.get("niveau") is not None]
    editions = {_pick(row, "schooljaar", "status") for row in rows if _results(row)["starters_noemer"]}
    windows: dict[tuple[Any, ...], set[tuple[Any, ...]]] = {}
    for year, status in editions:
        window = {(year, status)}
        for before in (1, 2):
            same = [e for e in editions if _year(e[0]) is not None and _year(e[0]) == (_year(year) or -9) - before]
            same.sort(key=lambda e: {"D": 0, "V": 1}.get(e[1], 2))
            window |= set(same[:1])
        windows[year, status] = window
    found: Cells = defaultdict(Counter)

    def at(row: Row, edition: tuple[Any, ...]) -> Counter[str]:
        start = _year(edition[0])
        ends = None if start is None else str(start + 1)
        group = (*edition, ends, str(len(windows.get(edition, ()))), *_doorstroom_group(row)[2:])
        return found[group]

    for row in rows:
        counted = _results(row)
        if not any(counted.values()):
            continue
        own = _pick(row, "schooljaar", "status")
        at(row, own).update(counted)
        for edition, window in windows.items():
            if own in window and counted["starters_noemer"]:
                at(row, edition).update(
                    startersresultaat_noemer=counted["starters_noemer"],
                    startersresultaat_teller=counted["starters_teller"],
                )
    return found


def uitkomsten(files: Files) -> Cells:
    found: Cells = defaultdict(Counter)
    flags = ("populatie_jaarresultaat", "populatie_diplomaresultaat", "heeft_diploma", "passend_diploma")
    for row in files["doorstroom"]:
        says = ["J" if row.get(flag) is True else "N" for flag in flags]
        if row.get("niveau") is None or "J" not in says[:2]:
            continue
        known = "J" if row.get("categorie_hoogste_vooropleiding") in NORM else "N"
        found[*_doorstroom_group(row), *says, known] += Counter(studenten=1)
    return found


def behaalde_diplomas(files: Files) -> Cells:
    found: Cells = defaultdict(Counter)
    for row in files["diplomas"]:
        is_main = row.get("hoofddiploma") is True
        if row.get("soort_diploma_mbo_studiejaar") == "99" or (row.get("niveau_diploma") is None and not is_main):
            continue
        group = _pick(row, "schooljaar", "status", "instellingscode", "opleidingscode")
        group += _of_programme(files, row.get("opleidingscode"))
        group += (*_pick(row, "sectorkamer_diploma", "niveau_diploma"), _main_enrolment(files, row, "leerweg"))
        found[group] += Counter(hoofddiplomas=int(is_main), diplomas=1)
    return found


def doorstroom_hbo(files: Files) -> Cells:
    found: Cells = defaultdict(Counter)
    for row in files["mbo_hbo"]:
        if row.get("mbo_hoogste_diploma_niveau") != "MBO-4":
            continue
        start, left = _year(row.get("hbo_instroom_studiejaar")), _year(row.get("mbo_uitstroom_schooljaar"))
        entered = row.get("hbo_instroom_studiejaar") is not None
        direct = entered and None not in (start, left) and start == left + 1 and row.get("hbo_onderbrekingsduur") == 0  # type: ignore[operator]
        dropped = row.get("hbo_schooljaren_tot_uitval")
        ended = entered and ((row.get("hbo_verblijfsduur") or 0) > 1 or dropped is not None)
        crebo = row.get("mbo_hoogste_diploma_opleiding_code")
        group = (*_pick(row, "schooljaar", "status", "instellingscode"), crebo, *_of_programme(files, crebo))
        certified = entered and row.get("hbo_hoogste_diploma_niveau") is not None
        group += (*_pick(row, "mbo_opleiding_sector", "leerweg", "hbo_jaar1_sector"), "J" if certified else "N")
        found[group] += Counter(
            gediplomeerden=1,
            direct=int(direct),
            later=int(entered and not direct),
            jaar1_bekend=int(ended),
            uitval_jaar1=int(ended and dropped == 1),
            jaar1_bekend_direct=int(ended and direct),
            uitval_jaar1_direct=int(ended and direct and dropped == 1),
            hbo_diploma=int(certified),
        )
    return found


MARTS = {
    one.__name__: one
    for one in (studentaantallen, instroom, uitstroom, studiesucces, uitkomsten, behaalde_diplomas, doorstroom_hbo)
}


def in_force(deliveries: Mapping[str, Files], file: str) -> dict[Any, tuple[str, Any]]:
    """Per school year the delivery and status that speak for it; ``deliveries`` from early to late."""
    best: dict[Any, tuple[int, int, str, Any]] = {}
    for number, (key, files) in enumerate(deliveries.items()):
        for row in files[file]:  # type: ignore[index]
            if row.get("niveau") is None:
                continue
            rank = ({"D": 2, "V": 1}.get(row.get("status") or "", 0), number, key, row.get("status"))
            best[row["schooljaar"]] = max(best.get(row["schooljaar"], rank), rank, key=lambda one: one[:3])
    return {year: (key, status) for year, (_, _, key, status) in best.items()}


def loopbanen(deliveries: Mapping[str, Files]) -> dict[tuple[str, str], tuple[Any, ...]]:
    """Per student and school year: delivery, programme, vervolg, stap, wissel, soort."""
    speaks, chosen = in_force(deliveries, "doorstroom"), {}
    for year, (key, status) in speaks.items():
        rows = [
            row
            for row in deliveries[key]["doorstroom"]
            if row.get("niveau") is not None and (row["schooljaar"], row.get("status")) == (year, status)
        ]
        once = _one_each(rows)
        chosen |= {(row["sectornummer"], _year(year)): (key, row) for row in rows if id(row) in once}
    years = {year for _, year in chosen}
    found = {}
    for (student, year), (key, row) in chosen.items():
        assert year is not None
        _, later = chosen.get((student, year + 1), (None, None))
        code = "kwalificatiecode_inschrijving"
        follows = "mbo" if later else "uit mbo" if year + 1 in years else "onbekend"
        step = change = None
        if later:
            a, b = row["niveau"], later["niveau"]
            step = "opstroom" if b > a else "afstroom" if b < a else "gelijk"
            if row[code] == later[code]:
                change = "geen"
            else:
                same = [name for name in ("code_bc", "code_sg", "code_hg") if row[name] == later[name]]
                change = {"code_bc": "opleiding", "code_sg": "BC", "code_hg": "SG"}[same[0]] if same else "HG"
        kind = {"uit mbo": "uitstroom", "onbekend": "onbekend"}.get(follows)
        if kind is None:
            kind = "blijft" if change == "geen" else "doorstroom" if row["heeft_diploma"] else "switch"
        found[student, row["schooljaar"]] = (key, row[code], follows, step, change, kind)
    return found


RESULTS = (
    "jaarresultaat",
    "diplomaresultaat",
    "passende_plaatsing",
    "passend_diploma",
    "kwalificatiewinst",
    "opstroom",
)


def oordelen(deliveries: Mapping[str, Files], least: int) -> dict[tuple[Any, ...], tuple[Any, ...]]:
    """Per school year, institution, level and result: delivery, teller, noemer, percentage of the country, mean, rank.

    ``least``: the denominator from which an institution is ranked.
    """
    speaks = in_force({key: _with_results(files) for key, files in deliveries.items()}, "doorstroom")
    sums: dict[tuple[Any, ...], list[Any]] = {}
    for year, (key, status) in speaks.items():
        for group, counted in studiesucces(deliveries[key]).items():
            place, level, leerweg = group[4], group[10], group[11]
            if group[:2] != (year, status) or leerweg not in ("BOL", "BOL_DT", "BBL", "EX"):
                continue
            for name in (*RESULTS, "startersresultaat"):
                cell = sums.setdefault((year, place, level, name), [key, 0, 0])
                cell[1] += counted[f"{name}_teller"]
                cell[2] += counted[f"{name}_noemer"]
    found = {}
    for (year, place, level, name), (key, good, of) in sums.items():
        same = [cell[1:] for at, cell in sums.items() if (at[0], at[2], at[3]) == (year, level, name) and cell[2]]
        if not of:
            continue
        ranked = [g / n for g, n in same if n >= least]
        country = 100 * sum(g for g, _ in same) / sum(n for _, n in same)
        mean = 100 * sum(ranked) / len(ranked) if ranked else None
        rank = 1 + sum(share > good / of for share in ranked) if of >= least else None
        found[year, place, level, name] = (key, good, of, country, mean, rank, len(ranked))
    return found


def _with_results(files: Files) -> Files:
    """The rows that studiesucces tells of: an edition without any isn't there."""
    rows = [row for row in files["doorstroom"] if row.get("niveau") is not None]
    told = {group[:2] for group in studiesucces(files)}
    return {"doorstroom": [row for row in rows if _pick(row, "schooljaar", "status") in told]}
