"""The assets of a delivery moment: wiring only.

Belongs here: one thin module per stage of the way of a delivery, in the order landing → validation → eea → marts.
Does not belong here: business logic (``rod_pipeline``), the assembling of definitions (``rod_pipeline.definitions``).
Each asset calls one function of the domain, lets only clean failures out, and shows counts, codes and digests of
ciphertext. https://docs.dagster.io/guides/build/assets
"""
