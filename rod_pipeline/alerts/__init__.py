"""Alerts: who is told, by mail or otherwise, that something waits for a person.

Belongs here: what there is to tell (``causes``), where it goes (``routes``), and that each is told once and never lost
(``rounds``). Does not belong here: what Dagster knows (``orchestration.alerting``), the letters to DUO and the minister
(``quality.notifying``), which a person sends.

An alert leaves the house by roads that we don't own. It therefore holds nothing that came from outside: codes, our own
sentences, keys of deliveries, dates and links. Python alone: it has to work when Dagster doesn't.
"""
