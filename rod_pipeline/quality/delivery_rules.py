"""The rules that hold for a delivery as a whole: who they are.

Belongs here: id, severity, sentences, cause, remedy and source of each rule about the form of a delivery and its
tables. Does not belong here: counting what breaks them (``delivery``), rules about one file (``expectations``), across
files, deliveries and by the rekenregels (``files_rules``, ``deliveries_rules``, ``rekenregels_rules``).

That no *niet-bekostigde* institution is in the delivery (annex 1) can only be inferred: ``bekostigbaar`` is about an
enrolment, and a funded institution has enrolments that aren't. But one without a single funded enrolment is none that
anybody would call funded; below ``FEW`` enrolments that says nothing. So the rule blocks and leaves the decision to a
person; a list of funded institutions would settle it, and no file of the delivery is one.
"""

from rod_pipeline.quality.suite import Rule

_ASK_ALL = "Do not use this delivery; ask DUO for a complete and corrected set, with the notice."
_ASK = "Ask DUO for a corrected file, with the notice; the file and its totals must come from one extraction."
_SOURCE = "Besluit 55352791, section 6 (ten vierde) and annex 1: prikdatum, peildatum, status, totalen per uitsplitsing"

COMPLETE = Rule(
    id="delivery.files.complete",
    severity="blocking",
    layer="shape",
    sentence="Every kind of file of a delivery is there.",
    zin="Elk soort bestand van de levering is aanwezig.",
    cause="A file was left out when the delivery was put together, or has a name that no contract knows.",
    remedy=_ASK_ALL,
    source="annex 1 of besluit 55352791; the kinds of file are those that have a contract",
)
ONE_PRIKDATUM = Rule(
    id="delivery.prikdatum.same",
    severity="blocking",
    layer="shape",
    sentence="All files were extracted from the register on the same date.",
    zin="Alle bestanden zijn op dezelfde prikdatum uit het register gehaald.",
    cause="Files of two extractions were put together.",
    remedy=_ASK_ALL,
    source=_SOURCE,
)
PRIKDATUM_FITS = Rule(
    id="delivery.prikdatum.window",
    severity="blocking",
    layer="shape",
    sentence="The prikdatum belongs to this moment of provision and does not lie in the future.",
    zin="De prikdatum hoort bij dit verstrekkingsmoment en ligt niet in de toekomst.",
    cause="These are the files of another moment, or the date was written in another notation.",
    remedy="Check that these are the files of this delivery and not of another one; announce the right ones.",
    source="Besluit 55352791, section 4, b: moments are 'omstreeks' a month; the width of the window is own judgement",
)
ONE_STATUS = Rule(
    id="delivery.status.same",
    severity="blocking",
    layer="shape",
    sentence="A school year has one status, provisional or final, over all files and control totals.",
    zin="Een schooljaar heeft één status, voorlopig of definitief, in alle bestanden en controletotalen.",
    cause="Files of two extractions were put together, or the status was filled for only some of them.",
    remedy=_ASK_ALL,
    source=_SOURCE,
)
IN_SCOPE = Rule(
    id="delivery.schooljaar.scope",
    severity="blocking",
    layer="shape",
    sentence="Every row is about a school year that the decree allows for its file and that has begun.",
    zin="Elke rij gaat over een schooljaar dat het besluit voor het bestand toestaat en dat is begonnen.",
    cause="The selection of school years was wider than the decree, or the school year is written otherwise.",
    remedy="Rows outside the decree may not be kept: erase the delivery and ask DUO for one within its scope.",
    source="Besluit 55352791, section 6 (vanaf 2022) and annex 1 (doorstroom with the five school years before)",
)
FEW = 10
FUNDED = Rule(
    id="delivery.instelling.funded",
    severity="blocking",
    layer="table",
    sentence=f"No institution has {FEW} or more enrolments of which not one is funded.",
    zin=f"Geen instelling heeft {FEW} of meer inschrijvingen waarvan er niet één bekostigd is.",
    cause="A niet-bekostigde institution was not left out, or the indicatie is filled for nobody there.",
    remedy=(
        "Find out whether the institution is niet-bekostigd: if so its rows are outside the decree, so refuse the "
        "delivery (`rod refuse`) and ask DUO for one without them."
    ),
    rubrieken=("05.01.10", "08.06.30"),
    source="annex 1 of besluit 55352791: WEB institutions, 'uitgezonderd de niet-bekostigde instellingen'",
)
COMPARABLE = Rule(
    id="delivery.totals.known",
    severity="warning",
    layer="table",
    sentence="Every control total is about a file and a breakdown that can be counted.",
    zin="Elk controletotaal gaat over een bestand en een uitsplitsing die geteld kunnen worden.",
    cause="DUO counts by something new, or names a file or breakdown in another way.",
    remedy="Add the breakdown to the contract of its file, so that it is compared next time.",
    source=_SOURCE,
)
MAIN_AT_INSTITUTION = Rule(
    id="inschrijvingen.hoofdinschrijving_instelling.present",
    severity="warning",
    layer="table",
    sentence="A student enrolled at an institution on the peildatum has a main enrolment there.",
    zin="Een student die op de peildatum bij een instelling is ingeschreven, heeft daar een hoofdinschrijving.",
    cause="The hoofdinschrijving was determined on another date, or not for every student.",
    remedy="Put the question to DUO with the notice; counts of students will be too low meanwhile.",
    rubrieken=("29.54.01",),
    source="annex 29.54.01; CBS and DUO: one hoofdinschrijving per student and institution on 1 October",
)
MAIN_IN_MBO = Rule(
    id="inschrijvingen.hoofdinschrijving_mbo.present",
    severity="warning",
    layer="table",
    sentence="A student enrolled on the peildatum has a main enrolment in mbo.",
    zin="Een student die op de peildatum is ingeschreven, heeft een hoofdinschrijving in het mbo.",
    cause="The hoofdinschrijving was determined on another date, or not for every student.",
    remedy="Put the question to DUO with the notice; counts of students will be too low meanwhile.",
    rubrieken=("29.54.03",),
    source="annex 29.54.03; CBS and DUO: one hoofdinschrijving per student on 1 October",
)


def totals_agree(breakdown: str) -> Rule:
    """The rule for one breakdown: ``totaal``, or a name that the contract of a file declares."""
    whole = breakdown == "totaal"
    return Rule(
        id=f"delivery.totals.{breakdown}",
        severity="blocking",
        layer="table",
        sentence=f"The control totals {'of whole files' if whole else f'by {breakdown}'} agree with the rows, "
        "in every school year.",
        zin=f"De controletotalen {'van hele bestanden' if whole else f'naar {breakdown}'} kloppen met de rijen, "
        "in elk schooljaar.",
        cause="Rows were lost or doubled on the way, or the totals come from another extraction.",
        remedy=_ASK,
        source=_SOURCE,
    )
