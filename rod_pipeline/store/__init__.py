"""Where personal data rests: the object store, the guard of its place, keys, sealing and the vault over all of them.

Belongs here: everything between the domain and the bytes at rest. Does not belong here: what the bytes mean.
The rest of the project deals with ``vault.Vault`` alone.
"""
