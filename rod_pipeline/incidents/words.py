"""What each code of an incident or circumstance is called in Dutch: one fixed phrase per code.

Belongs here: words for letters and dossiers. Does not belong here: sentences of a letter (``letters``).
"""

from collections.abc import Mapping

from rod_pipeline.ledger.oversight import (
    Category,
    Cause,
    Change,
    CircumstanceOutcome,
    Consequence,
    Delay,
    IncidentKind,
    IncidentOutcome,
    Measure,
    Nature,
    NotTold,
    Phase,
    Reader,
    Risk,
    Size,
    Source,
    Told,
    Why,
)

KINDS: Mapping[IncidentKind, str] = {
    "breach": "inbreuk in verband met persoonsgegevens",
    "unlawful_processing": "onrechtmatige verwerking van persoonsgegevens",
}
NATURES: Mapping[Nature, str] = {
    "confidentiality": "vertrouwelijkheid (onbevoegde kennisneming of verstrekking)",
    "integrity": "integriteit (onbevoegde of onbedoelde wijziging)",
    "availability": "beschikbaarheid (verlies of vernietiging)",
}
CAUSES: Mapping[Cause, str] = {
    "sent_to_wrong_recipient": "verzonden aan een verkeerde ontvanger",
    "lost_or_stolen": "apparaat of drager kwijtgeraakt of gestolen",
    "hacking": "inbraak, kwaadaardige software of phishing",
    "unauthorised_access": "toegang door iemand die daartoe niet bevoegd was",
    "published_by_mistake": "per ongeluk openbaar gemaakt",
    "outside_purpose": "gebruikt voor een ander doel dan voorschrift 3a toestaat",
    "outside_territory": "verwerkt buiten het gebied dat voorschrift 3c toestaat",
    "kept_too_long": "langer bewaard dan voorschrift 3j toestaat",
    "data_destroyed": "gegevens onbedoeld vernietigd",
    "undeclared_data": "gegevens ontvangen die het besluit niet toestaat",
    "software_fault": "fout in de programmatuur",
    "unknown": "nog niet bekend",
}
SOURCES: Mapping[Source, str] = {
    "ourselves": "onszelf",
    "processor": "de verwerker",
    "recipient": "een ontvanger",
    "duo": "DUO",
    "outsider": "een buitenstaander",
}
SIZES: Mapping[Size, str] = {
    "unknown": "nog niet bekend",
    "none": "geen",
    "under_100": "minder dan 100",
    "100_999": "100 tot 1.000",
    "1000_9999": "1.000 tot 10.000",
    "10000_99999": "10.000 tot 100.000",
    "100000_or_more": "100.000 of meer",
}
CATEGORIES: Mapping[Category, str] = {
    "pseudonyms": "pseudoniemen (codes ter vervanging van het persoonsgebonden nummer)",
    "enrolments": "inschrijvingen",
    "diplomas": "diploma's",
    "transitions": "doorstroom",
    "sensitive": "gevoelige gegevens",
    "health": "gegevens over gezondheid of ondersteuning",
    "identifiers": "rechtstreeks identificerende gegevens",
}
CONSEQUENCES: Mapping[Consequence, str] = {
    "none_expected": "geen gevolgen te verwachten",
    "identification": "personen kunnen herkend worden",
    "loss_of_control": "verlies van controle over de eigen gegevens",
    "discrimination": "ongelijke behandeling of stigmatisering",
    "financial": "financieel nadeel",
    "loss_of_data": "gegevens niet meer beschikbaar",
}
MEASURES: Mapping[Measure, str] = {
    "access_stopped": "toegang afgesloten",
    "erased": "gegevens gewist",
    "recipient_asked_to_erase": "ontvanger om wissing gevraagd",
    "keys_destroyed": "sleutels vernietigd",
    "keys_replaced": "sleutels vervangen",
    "restored": "gegevens hersteld",
    "fault_mended": "fout hersteld",
    "procedure_changed": "werkwijze aangepast",
    "under_investigation": "onderzoek loopt",
}
RISKS: Mapping[Risk, str] = {
    "unlikely": "niet waarschijnlijk dat er een risico is voor de rechten en vrijheden van personen",
    "risk": "een risico voor de rechten en vrijheden van personen",
    "high": "een hoog risico voor de rechten en vrijheden van personen",
}
PARTIES: Mapping[Told, str] = {
    "minister": "de minister en DUO",
    "supervisor": "de Autoriteit Persoonsgegevens",
    "data_subjects": "de betrokkenen",
    "processor": "de verwerker",
}
PHASES: Mapping[Phase, str] = {
    "complete": "volledige melding",
    "initial": "eerste melding",
    "further": "aanvullende melding",
}
DELAYS: Mapping[Delay, str] = {
    "investigation": "eerst moest worden vastgesteld of er een inbreuk was",
    "discovered_late_by_third_party": "een derde meldde het pas later",
    "organisation": "de melding is intern blijven liggen",
    "technical": "een technische storing",
}
NOT_TOLD: Mapping[NotTold, str] = {
    "risk_unlikely": "een risico voor personen is niet waarschijnlijk (AVG art. 33, eerste lid)",
    "no_breach": "er is geen inbreuk in de zin van AVG art. 4, onder 12",
    "unintelligible": "de gegevens zijn onbegrijpelijk voor onbevoegden (AVG art. 34, derde lid, onder a)",
    "measures_taken": "maatregelen achteraf nemen het hoge risico weg (AVG art. 34, derde lid, onder b)",
    "disproportionate_effort": "onevenredige inspanning; er komt een openbare mededeling (AVG art. 34, derde lid, c)",
}
OUTCOMES: Mapping[IncidentOutcome, str] = {"resolved": "afgehandeld", "no_incident": "bleek geen incident"}
CHANGES: Mapping[Change, str] = {
    "adequacy_ended": "een adequaatheidsbesluit is geëindigd of gewijzigd",
    "new_host": "de gegevens gaan naar een andere opslagdienst of locatie",
    "new_subprocessor": "er komt een andere of nieuwe subverwerker",
    "new_processor": "er komt een andere verwerker",
    "recipient_changed": "de kring van ontvangers verandert",
    "organisation_changed": "onze organisatie verandert",
    "purpose_changed": "de concrete doelen veranderen",
    "security_changed": "de maatregelen voor informatiebeveiliging veranderen",
    "law_changed": "wet- of regelgeving is gewijzigd",
    "direct_provision": "de gegevens dienen voortaan rechtstreeks aan de verwerker te worden verstrekt",
}
CIRCUMSTANCE_OUTCOMES: Mapping[CircumstanceOutcome, str] = {
    "accepted": "de minister gaat akkoord",
    "decree_changed": "het besluit is gewijzigd",
    "undone": "ongedaan gemaakt",
    "no_effect": "bleek zonder gevolg",
}
READERS: Mapping[Reader, str] = {
    "minister": "de Minister van Onderwijs, Cultuur en Wetenschap",
    "supervisor": "de Autoriteit Persoonsgegevens",
    "auditor": "een auditor",
    "privacy_officer": "de functionaris gegevensbescherming",
    "duo": "Dienst Uitvoering Onderwijs",
    "own_use": "eigen gebruik",
}
WHYS: Mapping[Why, str] = {
    "audit": "een audit (voorschrift 3i)",
    "withdrawal": "een voornemen tot intrekking (onderdeel 5)",
    "incident": "een incident",
    "yearly_review": "de jaarlijkse controle",
    "request": "een verzoek om inlichtingen",
}
